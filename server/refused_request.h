// Requests that end before there is an Exchange for them.
#ifndef SNAPVIT_SERVER_REFUSED_REQUEST_H_
#define SNAPVIT_SERVER_REFUSED_REQUEST_H_

#include <string_view>

#include "absl/status/status.h"
#include "server/inference_context.h"
#include "server/metrics.h"

namespace snapvit {

// Counts a request of `tenant` that ended with `status` at its arrival.
void CountRefused(const InferenceContext& context, RpcMethod method, std::string_view tenant,
                  const absl::Status& status);

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_REFUSED_REQUEST_H_
