// The machine-readable side of an error: why a call was refused and when a retry can help. It
// travels as payloads of the absl::Status, so that the server fills google.rpc.ErrorInfo and
// RetryInfo without reading messages.
#ifndef SNAPVIT_CORE_BASE_ERROR_REASON_H_
#define SNAPVIT_CORE_BASE_ERROR_REASON_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace snapvit {

// Reasons that clients and metrics see.
inline constexpr std::string_view kReasonQueueFull = "QUEUE_FULL";  // RESOURCE_EXHAUSTED
inline constexpr std::string_view kReasonTooLarge = "TOO_LARGE";  // RESOURCE_EXHAUSTED, never fits
inline constexpr std::string_view kReasonRateLimit = "RATE_LIMIT";     // RESOURCE_EXHAUSTED
inline constexpr std::string_view kReasonConcurrency = "CONCURRENCY";  // RESOURCE_EXHAUSTED
inline constexpr std::string_view kReasonDeadlineUnmeetable =
    "DEADLINE_UNMEETABLE";                                         // RESOURCE_EXHAUSTED
inline constexpr std::string_view kReasonExpired = "EXPIRED";      // DEADLINE_EXCEEDED
inline constexpr std::string_view kReasonCancelled = "CANCELLED";  // CANCELLED
inline constexpr std::string_view kReasonStarting = "STARTING";    // UNAVAILABLE
inline constexpr std::string_view kReasonDraining = "DRAINING";    // UNAVAILABLE

// `status` with the reason and, where a retry can help, the time after which to try. An OK status
// is returned as it is.
absl::Status WithReason(absl::Status status, std::string_view reason,
                        std::optional<absl::Duration> retry_after = std::nullopt);

// What WithReason() attached; empty if nothing was.
std::optional<std::string> GetReason(const absl::Status& status);
std::optional<absl::Duration> GetRetryAfter(const absl::Status& status);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_BASE_ERROR_REASON_H_
