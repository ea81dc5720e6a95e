#include "core/base/error_reason.h"

#include <cstdint>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace snapvit {
namespace {

constexpr char kReasonUrl[] = "snapvit/reason";
constexpr char kRetryAfterUrl[] = "snapvit/retry_after_ns";  // decimal nanoseconds

}  // namespace

absl::Status WithReason(absl::Status status, std::string_view reason,
                        std::optional<absl::Duration> retry_after) {
  status.SetPayload(kReasonUrl, absl::Cord(absl::string_view(reason.data(), reason.size())));
  if (retry_after.has_value()) {
    status.SetPayload(kRetryAfterUrl,
                      absl::Cord(absl::StrCat(absl::ToInt64Nanoseconds(*retry_after))));
  }
  return status;
}

std::optional<std::string> GetReason(const absl::Status& status) {
  const auto payload = status.GetPayload(kReasonUrl);
  if (!payload.has_value()) return std::nullopt;
  return std::string(*payload);
}

std::optional<absl::Duration> GetRetryAfter(const absl::Status& status) {
  const auto payload = status.GetPayload(kRetryAfterUrl);
  int64_t nanoseconds = 0;
  if (!payload.has_value() || !absl::SimpleAtoi(std::string(*payload), &nanoseconds)) {
    return std::nullopt;
  }
  return absl::Nanoseconds(nanoseconds);
}

}  // namespace snapvit
