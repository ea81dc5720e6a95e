// The JSON bodies of the HTTP API as requests of snapvit.v1.
#ifndef SNAPVIT_SERVER_HTTP_API_REQUEST_H_
#define SNAPVIT_SERVER_HTTP_API_REQUEST_H_

#include <string>

#include "absl/status/statusor.h"
#include "snapvit/v1/inference.pb.h"

namespace snapvit {

struct EmbeddingsCall {
  v1::EmbedRequest request;
  bool base64 = false;  // the form of the reply's vectors: else numbers
};

struct ClassifyCall {
  v1::ClassifyRequest request;
};

// INVALID_ARGUMENT, with the field, its value and what was expected, for a body that is no JSON
// object, unknown fields, wrong types, and images that are not sent as data URIs. Whether the
// values can be served is checked later, as for gRPC. The body is given up before images are
// decoded.
absl::StatusOr<EmbeddingsCall> ReadEmbeddingsCall(std::string body);
absl::StatusOr<ClassifyCall> ReadClassifyCall(std::string body);

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_HTTP_API_REQUEST_H_
