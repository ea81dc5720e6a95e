#include "server/execution_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/engine/engine.h"
#include "tests/testing/fake_cuda.h"

namespace snapvit {
namespace {

using ::testing::HasSubstr;
using Kind = DeviceRequest::Kind;

TEST(PlanExecution, ACpuSharesItsCoresAmongDecodingAndOneWorker) {
  ServerOptions options;
  options.device.kind = Kind::kCpu;
  const ExecutionPlan plan = *PlanExecution(options, std::nullopt);
  EXPECT_EQ(plan.device_name, "cpu");
  EXPECT_EQ(plan.workers, 1);
  EXPECT_EQ(plan.threads, std::max(1, AvailableCores() - plan.decode_threads));
  EXPECT_EQ(plan.max_batch, 16);
  EXPECT_EQ(plan.order_time, absl::Minutes(5));
}

// As many threads a worker as a batch may have images.
TEST(PlanExecution, ManyCoresAreSharedAmongWorkers) {
  ServerOptions options;
  options.device.kind = Kind::kCpu;
  struct Case {
    int cores, workers, threads, decode_threads;
  };
  for (const Case& of : {Case{1, 1, 1, 1},
                         {2, 1, 1, 1},
                         {16, 1, 14, 2},
                         {18, 1, 16, 2},
                         {32, 2, 14, 4},
                         {64, 4, 14, 8},
                         {192, 11, 15, 24}}) {
    const ExecutionPlan plan =
        *PlanExecution(options, std::nullopt, CudaModuleSearch::OfProcess(), of.cores);
    EXPECT_EQ(plan.workers, of.workers) << of.cores;
    EXPECT_EQ(plan.threads, of.threads) << of.cores;
    EXPECT_EQ(plan.decode_threads, of.decode_threads) << of.cores;
  }
  options.threads = 3;  // what a container has of 64 cores
  const ExecutionPlan plan =
      *PlanExecution(options, std::nullopt, CudaModuleSearch::OfProcess(), 64);
  EXPECT_EQ(plan.workers, 1);
  EXPECT_EQ(plan.threads, 3);
}

// Two batches overlap, each larger; the cores decode.
TEST(PlanExecution, AGpuHasTwoWorkersAndLargeBatches) {
  ServerOptions options;
  options.device = {Kind::kCuda, 0};
  const ExecutionPlan plan = *PlanExecution(options, std::nullopt, FakeCuda("two_gpus"));
  EXPECT_EQ(plan.device_name, "cuda:0");
  EXPECT_EQ(plan.device.name, "Fake GPU 0");
  EXPECT_EQ(plan.workers, 2);
  EXPECT_EQ(plan.threads, 1);
  EXPECT_EQ(plan.max_batch, 64);
  EXPECT_EQ(plan.order_time, absl::InfiniteDuration());
}

TEST(PlanExecution, WhatIsSetStays) {
  ServerOptions options;
  options.workers = 3;
  options.threads = 2;
  options.order_time = absl::Seconds(7);
  for (const Kind kind : {Kind::kCpu, Kind::kCuda}) {
    options.device.kind = kind;
    const ExecutionPlan plan = *PlanExecution(options, std::nullopt, FakeCuda("two_gpus"));
    EXPECT_EQ(plan.workers, 3);
    EXPECT_EQ(plan.threads, 2);
    EXPECT_EQ(plan.order_time, absl::Seconds(7));
  }
}

TEST(PlanExecution, AutoServesOnTheCpuWhereThereIsNoGpuAndAGpuIsAnErrorThere) {
  ServerOptions options;
  const ExecutionPlan plan = *PlanExecution(options, std::nullopt, FakeCuda("no_driver"));
  EXPECT_EQ(plan.device_name, "cpu");
  EXPECT_THAT(plan.device.why_cpu, HasSubstr("the driver is too old"));
  options.device.kind = Kind::kCuda;
  const absl::Status status = PlanExecution(options, std::nullopt, FakeCuda("no_driver")).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("there is no usable GPU"));
}

TEST(PlanExecution, ASimulatedEngineHasTheWorkersOfItsProfileAndNoDevice) {
  ServerOptions options;
  options.device.kind = Kind::kCuda;
  SimulatedProfile profile =
      *ReadSimulatedProfile(SNAPVIT_SOURCE_DIR "/tests/bench/profiles/vit-s-cpu.json");
  profile.workers = 8;
  ExecutionPlan plan = *PlanExecution(options, profile, FakeCuda("not_there"));
  EXPECT_EQ(plan.device_name, "simulated");
  EXPECT_EQ(plan.workers, 8);
  options.workers = 1;
  EXPECT_EQ(PlanExecution(options, profile)->workers, 1);
}

}  // namespace
}  // namespace snapvit
