#include "core/base/error_reason.h"

#include <gtest/gtest.h>

#include <optional>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace snapvit {
namespace {

TEST(ErrorReason, TravelsWithTheStatus) {
  const absl::Status status =
      WithReason(absl::ResourceExhaustedError("full"), kReasonQueueFull, absl::Milliseconds(1500));
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(status.message(), "full");
  EXPECT_EQ(GetReason(status), "QUEUE_FULL");
  EXPECT_EQ(GetRetryAfter(status), absl::Milliseconds(1500));
}

TEST(ErrorReason, HasNoRetryUnlessGiven) {
  const absl::Status status = WithReason(absl::ResourceExhaustedError("big"), kReasonTooLarge);
  EXPECT_EQ(GetReason(status), "TOO_LARGE");
  EXPECT_EQ(GetRetryAfter(status), std::nullopt);
}

TEST(ErrorReason, IsEmptyForAnUnmarkedStatus) {
  EXPECT_EQ(GetReason(absl::InternalError("x")), std::nullopt);
  EXPECT_EQ(GetRetryAfter(absl::InternalError("x")), std::nullopt);
  EXPECT_EQ(GetReason(absl::OkStatus()), std::nullopt);
}

TEST(ErrorReason, LeavesOkAlone) {
  EXPECT_EQ(WithReason(absl::OkStatus(), kReasonQueueFull), absl::OkStatus());
}

TEST(ErrorReason, IsReplacedByTheOuterOne) {
  const absl::Status inner = WithReason(absl::UnavailableError("x"), kReasonStarting);
  EXPECT_EQ(GetReason(WithReason(inner, kReasonDraining)), "DRAINING");
}

}  // namespace
}  // namespace snapvit
