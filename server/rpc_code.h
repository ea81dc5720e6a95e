// Names of gRPC's status codes, as metrics and logs show them.
#ifndef SNAPVIT_SERVER_RPC_CODE_H_
#define SNAPVIT_SERVER_RPC_CODE_H_

#include <grpcpp/support/status_code_enum.h>

#include <string>
#include <vector>

namespace snapvit {

// "OK", "RESOURCE_EXHAUSTED", …
std::string RpcCodeName(grpc::StatusCode code);

// The codes that a call to this server can end with, OK among them.
const std::vector<grpc::StatusCode>& RpcCodes();

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_RPC_CODE_H_
