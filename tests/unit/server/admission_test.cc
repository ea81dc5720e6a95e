// DESIGN "Floors" and "Deadlines", rule by rule, and the limits of tenants: what a request is
// served with, or why it is refused, before anything is decoded.
#include "server/admission.h"

#include <gmock/gmock.h>
#include <grpcpp/client_context.h>

#include <chrono>
#include <thread>

#include "tests/unit/server/service_fixture.h"

namespace snapvit {
namespace {

using ::testing::HasSubstr;

class AdmissionTest : public ServiceTest {
 protected:
  // Serves tenant "a" with these settings.
  void StartWith(const std::vector<std::string>& settings) {
    tenants_file_ = "tenants:\n" + TenantOf("a", settings);
    Start(model_);
  }

  // The largest compute of a rung that is not above `compute`.
  double At(double compute) const { return Rung(*model_->ladder.AtMostCompute(compute)); }
  // The smallest compute of a rung that is not below `compute`.
  double AtLeast(double compute) const {
    return Rung(LeastRung(ComputeTarget{compute}, model_->ladder));
  }
  double Rung(int rung) const { return model_->ladder.rung(rung).compute; }

  static v1::EmbedRequest Asking(double compute, int images = 1) {
    v1::EmbedRequest request = TensorRequest(images);
    request.mutable_budget()->set_compute(compute);
    return request;
  }
  static v1::EmbedRequest Strict(double compute) {
    v1::EmbedRequest request = Asking(compute);
    request.mutable_budget()->set_strict(true);
    return request;
  }

  // The receipt of tenant a's request, which must be served.
  v1::Receipt Served(const v1::EmbedRequest& request) {
    v1::EmbedResponse response;
    const grpc::Status status = Embed(request, &response, "a-key");
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.items_size() == 0 ? v1::Receipt() : response.items(0).receipt();
  }
  // Of tenant a's request, which must be refused.
  grpc::Status Refused(const v1::EmbedRequest& request) {
    v1::EmbedResponse response;
    grpc::Status status = Embed(request, &response, "a-key");
    EXPECT_FALSE(status.ok());
    return status;
  }

  const std::shared_ptr<ServedModel> model_ = MakeServedModel();
};

// --- Floors: wanted ---

TEST_F(AdmissionTest, WithoutABudgetTheTenantsDefaultIsServed) {
  StartWith({"default_budget: 0.6"});
  const v1::Receipt receipt = Served(TensorRequest(1));
  EXPECT_EQ(receipt.served_compute(), At(0.6));
  EXPECT_EQ(receipt.requested_compute(), 0.6);
  EXPECT_EQ(receipt.reason(), v1::REASON_AS_REQUESTED);
  EXPECT_EQ(Served(Asking(0.9)).served_compute(), At(0.9));
}

TEST_F(AdmissionTest, ADefaultBudgetMayBeALatency) {
  model_->latency = std::make_shared<const LatencyTable>(*LatencyTable::Create(
      {1},
      std::vector<std::vector<absl::Duration>>(model_->ladder.size(), {absl::Milliseconds(5)})));
  StartWith({"default_budget: 1s"});
  EXPECT_EQ(Served(TensorRequest(1)).served_compute(), 1);
}

TEST_F(AdmissionTest, TheCeilingLowersAndSaysSo) {
  StartWith({"ceiling: 0.7"});
  const v1::Receipt receipt = Served(Asking(1));
  EXPECT_EQ(receipt.served_compute(), At(0.7));
  EXPECT_EQ(receipt.reason(), v1::REASON_TENANT_LIMIT);
  EXPECT_EQ(Served(Asking(0.5)).reason(), v1::REASON_AS_REQUESTED);
}

TEST_F(AdmissionTest, TheOperatorsMaximumLowersAndSaysSo) {
  StartWith({});
  ASSERT_TRUE(governor_
                  .Update([](GovernorSettings& settings) {
                    settings.max_compute = 0.5;
                    return absl::OkStatus();
                  })
                  .ok());
  const v1::Receipt receipt = Served(Asking(1));
  EXPECT_EQ(receipt.served_compute(), At(0.5));
  EXPECT_EQ(receipt.reason(), v1::REASON_ADMIN_LIMIT);
}

TEST_F(AdmissionTest, TheModelFloorIsAboveAllLimits) {
  model_->floor_rung = *model_->ladder.AtMostCompute(0.8);
  StartWith({"ceiling: 0.5"});
  const v1::Receipt receipt = Served(Asking(0.3));
  EXPECT_EQ(receipt.served_compute(), At(0.8));
  EXPECT_EQ(receipt.reason(), v1::REASON_MODEL_FLOOR);
}

// --- Floors: how far load may go ---

TEST_F(AdmissionTest, TheFloorIsTheTenantsUnlessTheRequestHasItsOwn) {
  StartWith({"floor: 0.6"});
  EXPECT_EQ(Served(Asking(1)).floor_compute(), AtLeast(0.6));
  v1::EmbedRequest request = Asking(1);
  request.mutable_budget()->set_floor_compute(0.4);
  EXPECT_EQ(Served(request).floor_compute(), AtLeast(0.4));
}

TEST_F(AdmissionTest, TheFloorIsNeverBelowTheModels) {
  model_->floor_rung = *model_->ladder.AtMostCompute(0.8);
  StartWith({"floor: 0.4"});
  EXPECT_EQ(Served(Asking(1)).floor_compute(), At(0.8));
}

TEST_F(AdmissionTest, AnExplicitSmallerBudgetIsHonouredBelowTheTenantsFloor) {
  StartWith({"floor: 0.8"});
  const v1::Receipt receipt = Served(Asking(0.5));
  EXPECT_EQ(receipt.served_compute(), At(0.5));
  EXPECT_EQ(receipt.floor_compute(), At(0.5));
  EXPECT_EQ(receipt.reason(), v1::REASON_AS_REQUESTED);
}

TEST_F(AdmissionTest, AFidelityFloorHoldsEverythingWhereNoFidelityIsKnown) {
  ASSERT_FALSE(model_->ladder.has_fidelity());
  StartWith({"floor: fidelity:0.9"});
  EXPECT_EQ(Served(Asking(0.7)).floor_compute(), At(0.7));
}

TEST_F(AdmissionTest, ARequestFloorAboveItsBudgetIsInvalidAndAboveTheCeilingImpossible) {
  StartWith({"ceiling: 0.7"});
  v1::EmbedRequest request = Asking(0.5);
  request.mutable_budget()->set_floor_compute(0.6);
  EXPECT_EQ(Refused(request).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  request = Asking(1);
  request.mutable_budget()->set_floor_compute(0.9);
  EXPECT_EQ(Refused(request).error_code(), grpc::StatusCode::FAILED_PRECONDITION);
}

// --- Strict ---

TEST_F(AdmissionTest, StrictHasItsBudgetAsItsFloor) {
  StartWith({"floor: 0.3"});
  const v1::Receipt receipt = Served(Strict(0.7));
  EXPECT_EQ(receipt.served_compute(), At(0.7));
  EXPECT_EQ(receipt.floor_compute(), At(0.7));
}

TEST_F(AdmissionTest, StrictFailsWhereALimitWouldChangeIt) {
  model_->floor_rung = *model_->ladder.AtMostCompute(0.4);
  StartWith({"ceiling: 0.7"});
  EXPECT_EQ(Refused(Strict(1)).error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(Refused(Strict(0.3)).error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  ASSERT_TRUE(governor_
                  .Update([](GovernorSettings& settings) {
                    settings.pin_compute = 0.5;
                    return absl::OkStatus();
                  })
                  .ok());
  EXPECT_EQ(Refused(Strict(0.6)).error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(Served(Strict(0.5)).served_compute(), At(0.5));
  EXPECT_EQ(engine_.computed(), 1);
}

TEST_F(AdmissionTest, StrictIsForTenantsThatMay) {
  StartWith({"strict: false"});
  EXPECT_EQ(Refused(Strict(0.5)).error_code(), grpc::StatusCode::FAILED_PRECONDITION);
}

// --- Pins ---

class PinTest : public AdmissionTest {
 protected:
  void Pin(double compute, std::optional<double> max = std::nullopt) {
    ASSERT_TRUE(governor_
                    .Update([&](GovernorSettings& settings) {
                      settings = {compute, max};
                      return absl::OkStatus();
                    })
                    .ok());
  }
};

TEST_F(PinTest, EverybodyIsServedThePinWhateverTheyAskFor) {
  StartWith({});
  Pin(0.6);
  for (const double asked : {1.0, 0.6, 0.3}) {
    const v1::Receipt receipt = Served(Asking(asked));
    EXPECT_EQ(receipt.served_compute(), At(0.6));
    EXPECT_EQ(receipt.floor_compute(), At(0.6));
    EXPECT_EQ(receipt.reason(), asked == 0.6 ? v1::REASON_AS_REQUESTED : v1::REASON_ADMIN_LIMIT);
  }
  EXPECT_EQ(metrics_.ItemCounts("a").degraded, 1U);  // raised is not degraded
}

TEST_F(PinTest, FloorsAreAboveThePinAndCeilingsBelowIt) {
  model_->floor_rung = *model_->ladder.AtMostCompute(0.4);
  StartWith({"ceiling: 0.8", "floor: 0.5"});
  Pin(0.3);
  EXPECT_EQ(Served(Asking(0.7)).served_compute(), AtLeast(0.5));
  EXPECT_EQ(Served(Asking(0.3)).served_compute(), At(0.4));
  Pin(1);
  EXPECT_EQ(Served(Asking(0.3)).served_compute(), At(0.8));
  Pin(1, 0.7);
  EXPECT_EQ(Served(Asking(0.3)).served_compute(), At(0.7));
}

// --- Deadlines ---

TEST_F(AdmissionTest, TheSoftDeadlineIsTheLatencyTarget) {
  StartWith({"latency_target: 40ms"});
  const absl::Time before = Clock::Monotonic()->Now();
  Served(TensorRequest(1));
  EXPECT_GE(engine_.last_spec().soft_deadline, before + absl::Milliseconds(40));
  EXPECT_LE(engine_.last_spec().soft_deadline, Clock::Monotonic()->Now() + absl::Milliseconds(40));
  EXPECT_EQ(engine_.last_spec().hard_deadline, absl::InfiniteFuture());
}

TEST_F(AdmissionTest, WithoutATargetItIsTenDenseLatenciesButAtLeast50Ms) {
  const absl::Time arrival = absl::UnixEpoch();
  TenantPolicy policy;
  EXPECT_EQ(SoftDeadline(*model_, policy, arrival), absl::InfiniteFuture());  // nothing is profiled
  const auto profiled = [this](absl::Duration time) {
    return std::make_shared<const LatencyTable>(*LatencyTable::Create(
        {1}, std::vector<std::vector<absl::Duration>>(model_->ladder.size(), {time})));
  };
  model_->latency = profiled(absl::Milliseconds(30));
  EXPECT_EQ(SoftDeadline(*model_, policy, arrival), arrival + absl::Milliseconds(300));
  model_->latency = profiled(absl::Milliseconds(2));
  EXPECT_EQ(SoftDeadline(*model_, policy, arrival), arrival + absl::Milliseconds(50));
  policy.priority = PriorityClass::kBatch;
  EXPECT_EQ(SoftDeadline(*model_, policy, arrival), absl::InfiniteFuture());
  policy.latency_target = absl::Seconds(2);
  EXPECT_EQ(SoftDeadline(*model_, policy, arrival), arrival + absl::Seconds(2));
}

TEST_F(AdmissionTest, TheHardDeadlineIsTheSoonerOfTimeoutAndCall) {
  StartWith({});
  const auto hard_deadline = [this](absl::Duration call, absl::Duration timeout) {
    grpc::ClientContext rpc;
    rpc.AddMetadata("authorization", "Bearer a-key");
    rpc.set_deadline(std::chrono::system_clock::now() + absl::ToChronoMilliseconds(call));
    v1::EmbedRequest request = TensorRequest(1);
    request.mutable_timeout()->set_seconds(absl::ToInt64Seconds(timeout));
    v1::EmbedResponse response;
    EXPECT_TRUE(inference_->Embed(&rpc, request, &response).ok());
    return engine_.last_spec().hard_deadline;
  };
  absl::Time now = Clock::Monotonic()->Now();
  const absl::Time by_call = hard_deadline(absl::Seconds(100), absl::Seconds(1000));
  EXPECT_GT(by_call, now + absl::Seconds(90));
  EXPECT_LT(by_call, now + absl::Seconds(100));  // less what a reply takes
  now = Clock::Monotonic()->Now();
  const absl::Time by_timeout = hard_deadline(absl::Seconds(1000), absl::Seconds(100));
  EXPECT_GE(by_timeout, now + absl::Seconds(100));
  EXPECT_LT(by_timeout, now + absl::Seconds(110));
}

TEST_F(AdmissionTest, OnAStreamOnlyTheMessagesTimeoutCounts) {
  StartWith({});
  grpc::ClientContext rpc;
  rpc.AddMetadata("authorization", "Bearer a-key");
  rpc.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(100));
  const auto stream = inference_->EmbedStream(&rpc);
  v1::EmbedResponse response;
  ASSERT_TRUE(stream->Write(TensorRequest(1)));
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(engine_.last_spec().hard_deadline, absl::InfiniteFuture());
  v1::EmbedRequest request = TensorRequest(1);
  request.mutable_timeout()->set_seconds(10);
  ASSERT_TRUE(stream->Write(request));
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_LT(engine_.last_spec().hard_deadline, Clock::Monotonic()->Now() + absl::Seconds(10));
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
}

// --- Rate ---

class RateTest : public AdmissionTest {
 protected:
  double Gflop(double compute) const {
    return model_->ladder.rung(*model_->ladder.AtMostCompute(compute)).gflops;
  }
  // A bucket of this many dense images, refilled in that many seconds.
  void StartWithBucket(double dense_images, double seconds,
                       std::vector<std::string> settings = {}) {
    const double burst = dense_images * Gflop(1);
    settings.push_back(absl::StrCat("burst_gflop: ", absl::SixDigits(burst)));
    settings.push_back(absl::StrCat("rate_gflops: ", absl::SixDigits(burst / seconds)));
    StartWith(settings);
  }
};

TEST_F(RateTest, WhatIsUsedUpGoesToTheFloorAndIsThenRefusedUntilTheRefill) {
  StartWithBucket(2.5, 25, {"floor: 0.4"});
  EXPECT_EQ(Served(Asking(1)).served_compute(), 1);
  EXPECT_EQ(Served(Asking(1)).served_compute(), 1);
  const v1::Receipt lowered = Served(Asking(1));
  EXPECT_EQ(lowered.served_compute(), AtLeast(0.4));
  EXPECT_EQ(lowered.reason(), v1::REASON_TENANT_LIMIT);
  EXPECT_EQ(lowered.requested_compute(), 1);
  const grpc::Status refused = Refused(Asking(1));
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(ReasonOf(refused), "RATE_LIMIT");
  const auto delay = RetryDelayOf(refused);
  ASSERT_TRUE(delay.has_value());
  EXPECT_EQ(engine_.computed(), 3);
  rate_clock_.Advance(*delay + absl::Nanoseconds(1));
  EXPECT_EQ(Served(Asking(1)).served_compute(), AtLeast(0.4));
}

TEST_F(RateTest, StrictIsRefusedRatherThanLowered) {
  StartWithBucket(1.5, 10);
  Served(Strict(1));
  EXPECT_EQ(ReasonOf(Refused(Strict(1))), "RATE_LIMIT");
}

TEST_F(RateTest, ARequestIsChargedForAllItsImages) {
  StartWithBucket(4, 10, {"floor: 1"});
  Served(Asking(1, 3));
  EXPECT_EQ(ReasonOf(Refused(Asking(1, 2))), "RATE_LIMIT");
  Served(Asking(1, 1));
}

TEST_F(RateTest, ImagesThatCannotBeComputedCostNothing) {
  StartWithBucket(2.01, 10, {"floor: 1"});
  for (int i = 0; i < 5; ++i) {
    v1::EmbedResponse response;
    EXPECT_TRUE(Embed(EmbedOf({"no image", "no image"}), &response, "a-key").ok());
  }
  Served(Asking(1, 2));
  EXPECT_EQ(ReasonOf(Refused(Asking(1))), "RATE_LIMIT");
}

TEST_F(RateTest, RefusalsAreCountedAsShedAndAsNoDemand) {
  model_->latency = std::make_shared<const LatencyTable>(*LatencyTable::Create(
      {1},
      std::vector<std::vector<absl::Duration>>(model_->ladder.size(), {absl::Milliseconds(5)})));
  StartWithBucket(1.01, 10, {"floor: 1"});
  Served(Asking(1));
  const double demand = metrics_.demand_seconds();
  EXPECT_GT(demand, 0);
  for (int i = 0; i < 3; ++i) Refused(Asking(1));
  EXPECT_EQ(metrics_.demand_seconds(), demand);
  EXPECT_EQ(metrics_.ItemCounts("a").shed, 3U);
  EXPECT_THAT(metrics_.Expose(),
              HasSubstr("snapvit_shed_items_total{model=\"tiny\",reason=\"RATE_LIMIT\","
                        "tenant=\"a\"} 3\n"));
}

TEST_F(RateTest, OneTenantsRateIsNotTheOthers) {
  const double dense = Gflop(1);
  tenants_file_ =
      "tenants:\n" +
      TenantOf("a", {absl::StrCat("rate_gflops: ", absl::SixDigits(1.01 * dense)), "floor: 1"}) +
      TenantOf("b");
  Start(model_);
  Served(Asking(1));
  Refused(Asking(1));
  v1::EmbedResponse response;
  EXPECT_TRUE(Embed(Asking(1), &response, "b-key").ok());
}

// --- Concurrency, and room in the queue ---

TEST_F(AdmissionTest, ImagesInFlightAboveTheLimitAreRefusedUntilSomeEnd) {
  StartWith({"concurrency: 3"});
  EXPECT_EQ(ReasonOf(Refused(TensorRequest(4))), "TOO_LARGE");
  engine_.Close();
  std::thread running([this] { Served(TensorRequest(2)); });
  engine_.AwaitComputed(1);
  const grpc::Status refused = Refused(TensorRequest(2));
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(ReasonOf(refused), "CONCURRENCY");
  EXPECT_TRUE(RetryDelayOf(refused).has_value());
  engine_.Open();
  running.join();
  Served(TensorRequest(3));
}

TEST_F(AdmissionTest, WhatTheClientCancelsIsInFlightNoMore) {
  StartWith({"concurrency: 1"});
  engine_.Close();
  grpc::ClientContext rpc;
  rpc.AddMetadata("authorization", "Bearer a-key");
  std::thread cancelled([this, &rpc] {
    v1::EmbedResponse response;
    EXPECT_FALSE(inference_->Embed(&rpc, TensorRequest(1), &response).ok());
  });
  engine_.AwaitComputed(1);
  rpc.TryCancel();
  cancelled.join();
  engine_.Open();
  // The image that was being computed ends by itself.
  v1::EmbedResponse response;
  while (!Embed(TensorRequest(1), &response, "a-key").ok()) std::this_thread::yield();
}

TEST_F(AdmissionTest, BatchTenantsLeaveHalfOfTheQueueToOthers) {
  TenantPolicy policy;
  EXPECT_TRUE(CheckQueueRoom(policy, 99, 1, 100).ok());
  policy.priority = PriorityClass::kBatch;
  EXPECT_TRUE(CheckQueueRoom(policy, 0, 80, 100).ok());
  EXPECT_TRUE(CheckQueueRoom(policy, 40, 10, 100).ok());
  EXPECT_FALSE(CheckQueueRoom(policy, 41, 10, 100).ok());
}

TEST_F(AdmissionTest, AFullHalfIsAFullQueueForBatchTenants) {
  context_.max_queue_items = 4;
  tenants_file_ = "tenants:\n" + TenantOf("a", {"priority: batch"}) + TenantOf("b");
  Start(model_);
  engine_.Close();
  std::vector<std::thread> others;
  const auto embed_as_b = [this] {
    v1::EmbedResponse response;
    EXPECT_TRUE(Embed(TensorRequest(2), &response, "b-key").ok());
  };
  others.emplace_back(embed_as_b);
  engine_.AwaitComputed(1);
  others.emplace_back(embed_as_b);
  while (executor_->Stats().queued.items < 2) std::this_thread::yield();
  EXPECT_EQ(ReasonOf(Refused(TensorRequest(1))), "QUEUE_FULL");
  engine_.Open();
  for (std::thread& other : others) other.join();
  Served(TensorRequest(1));
}

}  // namespace
}  // namespace snapvit
