// The load generator against a server whose answers are written here. Times are real, but what is
// asserted holds however slow the machine is.
#include "client/cli/bench_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>

#include "absl/strings/match.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "tests/testing/temporary_folder.h"
#include "tests/unit/client/fake_server.h"

namespace snapvit::cli {
namespace {

class BenchRunTest : public ::testing::Test {
 protected:
  BenchRunTest() {
    v1::Image image;
    image.set_encoded("1");
    images_ = {SerializeImage(image)};
    plan_.timeout = absl::Seconds(20);
    server_.embed = [](grpc::ServerContext&, const v1::EmbedRequest& request,
                       v1::EmbedResponse& response) {
      client::EchoNumbers(request, response);
      return grpc::Status::OK;
    };
  }

  void AddStream(StreamSettings settings) {
    absl::StatusOr<BenchStream> stream = ParseStream(settings);
    ASSERT_TRUE(stream.ok()) << stream.status();
    plan_.streams.push_back(*std::move(stream));
  }
  // `count` arrivals, one every `gap_ms`.
  std::string Trace(int count, int gap_ms) const {
    std::string text;
    for (int i = 0; i < count; ++i) text += std::to_string(i * gap_ms / 1000.0) + "\n";
    return "trace:" + folder_.Write("trace.txt", text);
  }

  BenchResult Run(const ProgressFn& progress = nullptr) {
    BenchCaller::Options options;
    options.client.target = server_.target();
    options.threads = 2;
    absl::StatusOr<std::unique_ptr<BenchCaller>> caller = BenchCaller::Create(options);
    EXPECT_TRUE(caller.ok()) << caller.status();
    absl::StatusOr<BenchResult> result = RunBench(plan_, images_, **caller, progress);
    EXPECT_TRUE(result.ok()) << result.status();
    return *std::move(result);
  }

  // Answers, and counts in `calls_`.
  void CountCalls() {
    server_.embed = [this](grpc::ServerContext&, const v1::EmbedRequest& request,
                           v1::EmbedResponse& response) {
      client::EchoNumbers(request, response);
      absl::MutexLock lock(&mu_);
      ++calls_;
      return grpc::Status::OK;
    };
  }

  client::FakeServer server_;
  const TemporaryFolder folder_;
  BenchPlan plan_;
  std::vector<ImageSlice> images_;
  absl::Mutex mu_;
  int calls_ = 0;
};

TEST_F(BenchRunTest, AnOpenLoopSendsWhateverComesBackAndChargesTheWait) {
  constexpr int kCount = 20;
  int arrived = 0;
  server_.embed = [&](grpc::ServerContext&, const v1::EmbedRequest& request,
                      v1::EmbedResponse& response) {
    const auto all = [&arrived] { return arrived == kCount; };
    {
      // Nobody is answered before the last one has come.
      absl::MutexLock lock(&mu_);
      ++arrived;
      mu_.Await(absl::Condition(&all));
    }
    client::EchoNumbers(request, response);
    return grpc::Status::OK;
  };
  AddStream({.arrivals = Trace(kCount, 10), .deadline = "60000"});
  const BenchResult result = Run();
  EXPECT_EQ(result.total.sent(), static_cast<uint64_t>(kCount));
  EXPECT_EQ(result.total.ok(), static_cast<uint64_t>(kCount));
  EXPECT_EQ(result.total.Attainment(), 1);
  EXPECT_EQ(result.lateness.count(), static_cast<uint64_t>(kCount));
  EXPECT_GE(result.total.latency().max(), absl::Milliseconds(190))
      << "the first has waited for all";
  EXPECT_GE(result.total.latency().max() - result.total.latency().min(), absl::Milliseconds(50));
  EXPECT_GE(result.elapsed, absl::Milliseconds(190));
}

TEST_F(BenchRunTest, AClosedLoopKeepsItsConcurrency) {
  int running = 0;
  int most = 0;
  int calls = 0;
  server_.embed = [&](grpc::ServerContext&, const v1::EmbedRequest& request,
                      v1::EmbedResponse& response) {
    client::EchoNumbers(request, response);
    absl::MutexLock lock(&mu_);
    ++calls;
    most = std::max(most, ++running);
    // The first three wait for each other: that many must be on their way at once.
    const auto met = [&calls] { return calls >= 3; };
    mu_.Await(absl::Condition(&met));
    --running;
    return grpc::Status::OK;
  };
  AddStream({.concurrency = "3"});
  plan_.requests = 30;
  const BenchResult result = Run();
  EXPECT_EQ(result.total.ok(), 30U);
  EXPECT_EQ(calls, 30);
  EXPECT_EQ(most, 3);
  EXPECT_EQ(result.lateness.count(), 0U) << "a closed loop has no times to be late for";
}

TEST_F(BenchRunTest, StreamsSendTheirKeysBudgetsAndDeadlines) {
  struct Seen {
    int half = 0;
    int dense = 0;
    int timeouts = 0;
  };
  std::map<std::string, Seen> seen;
  server_.embed = [&](grpc::ServerContext& context, const v1::EmbedRequest& request,
                      v1::EmbedResponse& response) {
    client::EchoNumbers(request, response);
    const auto key = context.client_metadata().find("authorization");
    absl::MutexLock lock(&mu_);
    Seen& of_key = seen[std::string(key->second.data(), key->second.size())];
    ++(request.budget().compute() == 0.5 ? of_key.half : of_key.dense);
    if (request.has_timeout()) ++of_key.timeouts;
    return grpc::Status::OK;
  };
  AddStream({.name = "gold",
             .arrivals = "constant@500",
             .budget = "1",
             .deadline = "60000",
             .api_key_file = folder_.Write("gold.key", "g")});
  AddStream({.name = "bulk",
             .arrivals = "constant@1000",
             .budget = "0.5:3,1:1",
             .api_key_file = folder_.Write("bulk.key", "b")});
  plan_.duration = absl::Milliseconds(200);
  const BenchResult result = Run();
  EXPECT_EQ(result.streams[0].record.ok(), 100U);
  EXPECT_EQ(result.streams[1].record.ok(), 200U);
  EXPECT_EQ(result.total.ok(), 300U);
  EXPECT_EQ(seen["Bearer g"].dense, 100);
  EXPECT_EQ(seen["Bearer g"].timeouts, 100);
  EXPECT_NEAR(seen["Bearer b"].half, 150, 30);
  EXPECT_EQ(seen["Bearer b"].timeouts, 0);
  EXPECT_GE(result.elapsed, absl::Milliseconds(200));
}

TEST_F(BenchRunTest, RefusalsAreCountedByCodeAndReason) {
  int calls = 0;
  server_.embed = [&](grpc::ServerContext&, const v1::EmbedRequest& request,
                      v1::EmbedResponse& response) {
    int call = 0;
    {
      absl::MutexLock lock(&mu_);
      call = calls++;
    }
    if (call % 4 == 0) {
      return client::MakeGrpcError(grpc::RESOURCE_EXHAUSTED, "full", "QUEUE_FULL");
    }
    if (call % 4 == 1) return grpc::Status(grpc::StatusCode::INTERNAL, "broken");
    client::EchoNumbers(request, response);
    return grpc::Status::OK;
  };
  AddStream({.arrivals = Trace(20, 1)});
  const BenchResult result = Run();
  EXPECT_EQ(result.total.ok(), 10U);
  EXPECT_EQ(result.total.shed(), 5U);
  EXPECT_EQ(result.total.failed(), 5U);
  EXPECT_EQ(result.total.Attainment(), 0.5);
  EXPECT_THAT(result.total.errors(),
              ::testing::ElementsAre(::testing::Pair("INTERNAL", 5),
                                     ::testing::Pair("RESOURCE_EXHAUSTED/QUEUE_FULL", 5)));
}

TEST_F(BenchRunTest, TheWarmUpIsSentButNotCounted) {
  CountCalls();
  AddStream({.arrivals = "constant@200"});
  plan_.warmup = absl::Milliseconds(100);
  plan_.duration = absl::Milliseconds(100);
  const BenchResult result = Run();
  EXPECT_EQ(result.total.sent(), 20U);
  EXPECT_EQ(calls_, 40);
}

TEST_F(BenchRunTest, AWarmUpFasterThanItCanSendEndsInTime) {
  CountCalls();
  // 20,000 requests in 20 ms; no client sends one in 2 microseconds.
  AddStream({.rate = "1000000:1us,10:100ms", .arrivals = "constant"});
  plan_.warmup = absl::Milliseconds(20);
  const BenchResult result = Run();
  EXPECT_EQ(result.total.ok(), result.total.sent());
  EXPECT_LT(calls_, 10'000);
}

TEST_F(BenchRunTest, AWarmUpForATraceOfOneMomentIsNoFlood) {
  CountCalls();
  AddStream({.arrivals = Trace(200, 0)});
  plan_.warmup = absl::Milliseconds(50);
  const BenchResult result = Run();
  EXPECT_EQ(result.total.ok(), 200U);
  EXPECT_LE(calls_, 250) << "10 are expected in the warm-up";
}

TEST_F(BenchRunTest, AClosedLoopIsTimedUntilItsLastRequestAfterAWarmUp) {
  AddStream({.concurrency = "4"});
  plan_.warmup = absl::Milliseconds(100);
  plan_.duration = absl::Milliseconds(500);
  const BenchResult result = Run();
  EXPECT_GT(result.total.ok(), 0U);
  EXPECT_EQ(result.elapsed, absl::Milliseconds(500)) << "what is on its way is not waited for";
}

TEST_F(BenchRunTest, AnInterruptedRunStillReports) {
  server_.embed = [&](grpc::ServerContext& context, const v1::EmbedRequest& request,
                      v1::EmbedResponse& response) {
    client::EchoNumbers(request, response);
    // Never answered: until the client gives up.
    const auto cancelled = [&context] { return context.IsCancelled(); };
    absl::MutexLock lock(&mu_);
    while (!mu_.AwaitWithTimeout(absl::Condition(&cancelled), absl::Milliseconds(5))) {
    }
    return grpc::Status::CANCELLED;
  };
  AddStream({.rate = "100"});
  plan_.duration = absl::Hours(1);
  int updates = 0;
  const BenchResult result = Run([&updates](const ProgressUpdate&) { return ++updates < 3; });
  EXPECT_TRUE(result.interrupted);
  EXPECT_GT(result.abandoned, 0U);
  EXPECT_EQ(result.total.sent(), 0U) << "what was given up is no measurement";
  EXPECT_LT(result.elapsed, absl::Minutes(1));
}

TEST_F(BenchRunTest, MoreThanMayBeOnTheirWayAreNotSent) {
  absl::Notification release;
  server_.embed = [&](grpc::ServerContext&, const v1::EmbedRequest& request,
                      v1::EmbedResponse& response) {
    release.WaitForNotification();
    client::EchoNumbers(request, response);
    return grpc::Status::OK;
  };
  AddStream({.arrivals = Trace(5, 0)});
  plan_.max_in_flight = 2;
  const BenchResult result = Run([&release](const ProgressUpdate& update) {
    const bool refused = absl::StrContains(std::string(update.stage), "3 failed");
    if (refused && !release.HasBeenNotified()) release.Notify();
    return true;
  });
  EXPECT_EQ(result.total.ok(), 2U);
  EXPECT_THAT(result.total.errors(),
              ::testing::ElementsAre(::testing::Pair("NOT_SENT/IN_FLIGHT_LIMIT", 3)));
}

TEST_F(BenchRunTest, ALoadWithoutAnEndIsRefused) {
  AddStream({.rate = "1"});
  BenchCaller::Options options;
  options.client.target = server_.target();
  const auto caller = BenchCaller::Create(options);
  ASSERT_TRUE(caller.ok()) << caller.status();
  EXPECT_EQ(RunBench(plan_, images_, **caller, nullptr).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(BenchCaller, AConnectTimeoutBeyondWhatTheClockCountsIsNone) {
  const client::FakeServer server;
  BenchCaller::Options options;
  options.client.target = server.target();
  options.connect_timeout = absl::Hours(24 * 365 * 580LL);
  const auto caller = BenchCaller::Create(options);
  EXPECT_TRUE(caller.ok()) << caller.status();
}

TEST(BenchCaller, SaysWhereItCannotConnect) {
  BenchCaller::Options options;
  options.client.target = "127.0.0.1:1";
  options.connect_timeout = absl::Milliseconds(50);
  const auto caller = BenchCaller::Create(options);
  EXPECT_EQ(caller.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(caller.status().message()), ::testing::HasSubstr("127.0.0.1:1"));
}

}  // namespace
}  // namespace snapvit::cli
