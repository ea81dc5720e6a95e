#include "core/scheduling/queue_bounds.h"

#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/time/time.h"
#include "core/base/error_reason.h"

namespace snapvit {
namespace {

constexpr QueueBounds kBounds{10, 1000, absl::Seconds(4)};

QueueLoad Load(size_t items, size_t bytes, absl::Duration engine_time) {
  return {items, bytes, engine_time};
}

TEST(QueueBounds, AcceptsUpToEachLimit) {
  const QueueLoad queued = Load(6, 600, absl::Seconds(3));
  EXPECT_TRUE(CheckBounds(kBounds, queued, Load(4, 400, absl::Seconds(1)), 1).ok());
}

TEST(QueueBounds, RefusesEachOverrunAsQueueFull) {
  const QueueLoad queued = Load(6, 600, absl::Seconds(3));
  const QueueLoad over[] = {Load(5, 0, absl::ZeroDuration()), Load(1, 401, absl::ZeroDuration()),
                            Load(1, 0, absl::Milliseconds(1001))};
  const char* names[] = {"6 items wait, 5 more", "600 bytes wait, 401 more",
                         "3s of engine time wait"};
  for (int i = 0; i < 3; ++i) {
    const absl::Status status = CheckBounds(kBounds, queued, over[i], 1);
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
    EXPECT_EQ(GetReason(status), kReasonQueueFull);
    EXPECT_TRUE(GetRetryAfter(status).has_value());
    EXPECT_TRUE(absl::StrContains(status.message(), names[i])) << status;
  }
}

TEST(QueueBounds, HasNoRetryForWhatNeverFits) {
  for (const QueueLoad& request :
       {Load(11, 0, absl::ZeroDuration()), Load(1, 1001, absl::ZeroDuration())}) {
    const absl::Status status = CheckBounds(kBounds, QueueLoad(), request, 1);
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
    EXPECT_EQ(GetReason(status), kReasonTooLarge);
    EXPECT_FALSE(GetRetryAfter(status).has_value());
  }
}

// 64 images on a slow machine: they must be servable when nothing else waits.
TEST(QueueBounds, LetsOneLongRequestIntoAnEmptyQueue) {
  EXPECT_TRUE(CheckBounds(kBounds, QueueLoad(), Load(5, 0, absl::Seconds(60)), 1).ok());
}

TEST(QueueBounds, HintsTheTimeToMakeRoom) {
  // Half of the queue's 4 s must go, on two workers.
  const absl::Status status =
      CheckBounds(kBounds, Load(10, 0, absl::Seconds(4)), Load(5, 0, absl::ZeroDuration()), 2);
  EXPECT_EQ(GetRetryAfter(status), absl::Seconds(1));
}

TEST(QueueBounds, KeepsTheHintReasonable) {
  const absl::Status soon =
      CheckBounds(kBounds, Load(10, 0, absl::ZeroDuration()), Load(1, 0, absl::ZeroDuration()), 1);
  EXPECT_GE(*GetRetryAfter(soon), absl::Milliseconds(10));
  const absl::Status late =
      CheckBounds(kBounds, Load(10, 0, absl::Hours(5)), Load(10, 0, absl::ZeroDuration()), 1);
  EXPECT_LE(*GetRetryAfter(late), absl::Seconds(10));
}

}  // namespace
}  // namespace snapvit
