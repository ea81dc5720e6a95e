#include "client/retry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "client/rpc_error.h"
#include "tests/unit/client/fake_server.h"

namespace snapvit::client {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A clock that only sleeping moves.
struct FakeTime {
  absl::Time now = absl::UnixEpoch();
  std::vector<absl::Duration> sleeps;

  TimeSource Source() {
    return {.now = [this] { return now; },
            .sleep =
                [this](absl::Duration wait) {
                  sleeps.push_back(wait);
                  now += wait;
                }};
  }
};

RetryPolicy PolicyWithoutJitter() {
  RetryPolicy policy;
  policy.initial_backoff = absl::Milliseconds(100);
  policy.max_backoff = absl::Milliseconds(300);
  policy.jitter = 0;
  return policy;
}

Attempt Unavailable() { return {absl::UnavailableError("connection refused"), std::nullopt}; }

TEST(CallWithRetry, BacksOffUntilItSucceeds) {
  FakeTime time;
  int calls = 0;
  const absl::Status status =
      CallWithRetry(PolicyWithoutJitter(), time.Source(), absl::Minutes(1),
                    [&](absl::Duration) { return ++calls == 5 ? Attempt{} : Unavailable(); });
  EXPECT_TRUE(status.ok());
  EXPECT_THAT(time.sleeps, ElementsAre(absl::Milliseconds(100), absl::Milliseconds(200),
                                       absl::Milliseconds(300), absl::Milliseconds(300)));
}

TEST(CallWithRetry, GivesUpAfterTheLastAttempt) {
  FakeTime time;
  RetryPolicy policy = PolicyWithoutJitter();
  policy.max_attempts = 3;
  int calls = 0;
  const absl::Status status = CallWithRetry(policy, time.Source(), absl::Minutes(1),
                                            [&](absl::Duration) { return ++calls, Unavailable(); });
  EXPECT_EQ(status.message(), "connection refused");
  EXPECT_EQ(calls, 3);
}

TEST(CallWithRetry, DoesNotWaitPastTheDeadline) {
  FakeTime time;
  std::vector<absl::Duration> left;
  const absl::Status status = CallWithRetry(PolicyWithoutJitter(), time.Source(),
                                            absl::Milliseconds(250), [&](absl::Duration time_left) {
                                              left.push_back(time_left);
                                              return Unavailable();
                                            });
  EXPECT_TRUE(absl::IsUnavailable(status));  // what failed, not that time is up
  EXPECT_THAT(left, ElementsAre(absl::Milliseconds(250), absl::Milliseconds(150)));
}

TEST(CallWithRetry, DoesNotRepeatWhatWouldFailAgain) {
  FakeTime time;
  CallWithRetry(PolicyWithoutJitter(), time.Source(), absl::Minutes(1), [](absl::Duration) {
    return Attempt{absl::InvalidArgumentError("budget 7"), std::nullopt};
  }).IgnoreError();
  EXPECT_THAT(time.sleeps, IsEmpty());
}

TEST(RetrySchedule, ObeysPushbackExactly) {
  RetrySchedule schedule(PolicyWithoutJitter());
  EXPECT_EQ(schedule.NextWait({absl::ResourceExhaustedError("queue"), "7"}), absl::Milliseconds(7));
  EXPECT_EQ(schedule.NextWait({absl::UnavailableError("starting"), "0"}), absl::ZeroDuration());
}

TEST(RetrySchedule, NegativeOrUnreadablePushbackForbidsARetry) {
  for (const char* pushback : {"-1", "soon", "", "99999999999"}) {
    RetrySchedule schedule(PolicyWithoutJitter());
    EXPECT_EQ(schedule.NextWait({absl::UnavailableError("x"), pushback}), std::nullopt) << pushback;
  }
}

TEST(RetrySchedule, WaitsAtLeastAsLongAsRetryInfoSays) {
  RetrySchedule schedule(PolicyWithoutJitter());
  const absl::Status status =
      FromRpcStatus(MakeGrpcError(grpc::RESOURCE_EXHAUSTED, "rate", "RATE_LIMIT", 3));
  EXPECT_EQ(schedule.NextWait({status, std::nullopt}), absl::Seconds(3));
}

TEST(RetrySchedule, MessagesThatAreTooLargeAreNotRepeated) {
  RetrySchedule schedule(PolicyWithoutJitter());
  EXPECT_EQ(schedule.NextWait({absl::ResourceExhaustedError("message of 5 MB"), std::nullopt}),
            std::nullopt);
}

TEST(RetrySchedule, JitterStaysInItsRange) {
  RetryPolicy policy = PolicyWithoutJitter();
  policy.jitter = 0.5;
  policy.max_attempts = 1000;
  policy.multiplier = 1;
  RetrySchedule schedule(policy);
  for (int i = 0; i < 200; ++i) {
    const absl::Duration wait = schedule.NextWait(Unavailable()).value();
    EXPECT_GE(wait, absl::Milliseconds(50));
    EXPECT_LE(wait, absl::Milliseconds(150));
  }
}

}  // namespace
}  // namespace snapvit::client
