// The parameters of a ModelInferRequest: budget, floor, strict, timeout.
#ifndef SNAPVIT_SERVER_INFER_PARAMETERS_H_
#define SNAPVIT_SERVER_INFER_PARAMETERS_H_

#include <google/protobuf/map.h>

#include <string>

#include "absl/status/status.h"
#include "inference/grpc_service.pb.h"
#include "server/request_terms.h"

namespace snapvit {

using InferParameters = google::protobuf::Map<std::string, inference::InferParameter>;

// Sets budget and timeout of `terms`. INVALID_ARGUMENT: an unknown parameter (those that
// clients send of their own accord are ignored), one of another type, a value that is not
// understood or out of its range.
absl::Status ReadInferParameters(const InferParameters& parameters, RequestTerms& terms);

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_INFER_PARAMETERS_H_
