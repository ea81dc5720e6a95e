// RequestLog: the lines about single requests. At debug level each of them has one; above it those
// that failed inside the server, and those that took too long.
#ifndef SNAPVIT_SERVER_REQUEST_LOG_H_
#define SNAPVIT_SERVER_REQUEST_LOG_H_

#include <cstddef>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/base/clock.h"
#include "server/log.h"
#include "server/log_limiter.h"
#include "server/trace_context.h"

namespace snapvit {

// A request, or a message of a stream, that has ended.
struct RequestRecord {
  // The image that took longest.
  struct Image {
    std::optional<double> served_compute;  // nothing: it was not computed
    std::string_view reason;               // of its receipt
    absl::Duration queue_time;
    absl::Duration decode_time;
    absl::Duration compute_time;
    int batch_size = 0;
  };

  std::string_view method;
  std::string_view tenant;
  std::string_view id;  // that the client gave
  int images = 0;
  std::optional<double> requested_compute;  // once the budget was understood
  absl::Duration duration;                  // from arrival to reply
  absl::Status status;
  std::optional<TraceContext> trace;
  std::optional<Image> slowest;  // nothing: no image came as far as the queue
};

// Thread-safe.
class RequestLog {
 public:
  struct Options {
    const Logger* log = nullptr;                     // borrowed
    const Clock* clock = Clock::Monotonic();         // of the limits
    absl::Duration slow = absl::InfiniteDuration();  // requests that take longer are logged
    int burst = 5;                                   // lines of either kind in each window
    absl::Duration window = absl::Seconds(10);
  };

  explicit RequestLog(const Options& options)
      : log_(*options.log),
        slow_(options.slow),
        failures_(options.clock, options.burst, options.window),
        slow_requests_(options.clock, options.burst, options.window) {}

  void Record(const RequestRecord& request);

 private:
  void RecordEnd(const RequestRecord& request);
  void RecordSlow(const RequestRecord& request);

  const Logger& log_;
  const absl::Duration slow_;
  LogLimiter failures_;
  LogLimiter slow_requests_;
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_REQUEST_LOG_H_
