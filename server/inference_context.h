// InferenceContext: what every inference call needs of the server around it.
#ifndef SNAPVIT_SERVER_INFERENCE_CONTEXT_H_
#define SNAPVIT_SERVER_INFERENCE_CONTEXT_H_

#include <cstddef>

#include "absl/time/time.h"
#include "core/base/clock.h"
#include "core/scheduling/executor.h"
#include "server/active_calls.h"
#include "server/authenticator.h"
#include "server/call_set.h"
#include "server/governor_control.h"
#include "server/metrics.h"
#include "server/request_log.h"
#include "server/serving_state.h"

namespace snapvit {

// All pointers are borrowed and outlive every call. Immutable; what they point to is thread-safe.
struct InferenceContext {
  const Clock* clock = Clock::Monotonic();  // the scheduler's
  const ServingState* state = nullptr;
  const Authenticator* authenticator = nullptr;
  const GovernorControl* governor = nullptr;
  Executor* executor = nullptr;
  Metrics* metrics = nullptr;
  RequestLog* request_log = nullptr;
  ActiveCalls* calls = nullptr;  // all that are open
  CallSet* call_set = nullptr;   // those that may have to be ended

  ActiveCalls::Limits call_limits;
  // Of one request over gRPC, once it is inflated, and of one reply.
  size_t max_message_bytes = size_t{64} << 20;
  int max_images = 64;             // of one request
  size_t max_pixels = 64'000'000;  // of one image
  size_t max_queue_items = 1024;   // images that may wait
  int workers = 1;                 // that share the queue
  absl::Duration reply_margin =
      absl::Milliseconds(5);  // kept from a gRPC deadline to send the reply
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_INFERENCE_CONTEXT_H_
