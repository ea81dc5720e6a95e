#include "core/scheduling/queue_bounds.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "core/base/error_reason.h"

namespace snapvit {
namespace {

// Retry hints are kept within what a client can use: not a busy loop, not an outage.
constexpr absl::Duration kShortestRetry = absl::Milliseconds(20);
constexpr absl::Duration kLongestRetry = absl::Seconds(10);

absl::Status TooLarge(size_t value, const char* unit, size_t limit) {
  return WithReason(absl::ResourceExhaustedError(absl::StrCat("the request has ", value, " ", unit,
                                                              ", the queue holds at most ", limit)),
                    kReasonTooLarge);
}

// Share of the queue that must be worked off until `request` fits under `limit`.
double Excess(double queued, double request, double limit) {
  return queued > 0 ? std::clamp((queued + request - limit) / queued, 0.0, 1.0) : 0.0;
}

absl::Status QueueFull(const std::string& what, double excess, const QueueLoad& queued,
                       int workers) {
  const absl::Duration drain = queued.engine_time / workers * excess;
  return WithReason(absl::ResourceExhaustedError(absl::StrCat("the queue is full: ", what)),
                    kReasonQueueFull, std::clamp(drain, kShortestRetry, kLongestRetry));
}

}  // namespace

QueueLoad& QueueLoad::operator+=(const QueueLoad& other) {
  items += other.items;
  bytes += other.bytes;
  engine_time += other.engine_time;
  return *this;
}

QueueLoad& QueueLoad::operator-=(const QueueLoad& other) {
  items -= other.items;
  bytes -= other.bytes;
  engine_time -= other.engine_time;
  return *this;
}

absl::Status CheckBounds(const QueueBounds& bounds, const QueueLoad& queued,
                         const QueueLoad& request, int workers) {
  if (request.items > bounds.max_items) return TooLarge(request.items, "items", bounds.max_items);
  if (request.bytes > bounds.max_bytes) return TooLarge(request.bytes, "bytes", bounds.max_bytes);
  if (queued.items + request.items > bounds.max_items) {
    return QueueFull(absl::StrCat(queued.items, " items wait, ", request.items,
                                  " more asked for, at most ", bounds.max_items),
                     Excess(queued.items, request.items, bounds.max_items), queued, workers);
  }
  if (queued.bytes + request.bytes > bounds.max_bytes) {
    return QueueFull(absl::StrCat(queued.bytes, " bytes wait, ", request.bytes,
                                  " more asked for, at most ", bounds.max_bytes),
                     Excess(queued.bytes, request.bytes, bounds.max_bytes), queued, workers);
  }
  // Not refused on an empty queue: no request would otherwise be served that is longer than the
  // bound.
  if (queued.items > 0 && queued.engine_time + request.engine_time > bounds.max_engine_time) {
    return QueueFull(
        absl::StrCat(absl::FormatDuration(queued.engine_time), " of engine time wait, ",
                     absl::FormatDuration(request.engine_time), " more asked for, at most ",
                     absl::FormatDuration(bounds.max_engine_time)),
        Excess(absl::ToDoubleSeconds(queued.engine_time),
               absl::ToDoubleSeconds(request.engine_time),
               absl::ToDoubleSeconds(bounds.max_engine_time)),
        queued, workers);
  }
  return absl::OkStatus();
}

}  // namespace snapvit
