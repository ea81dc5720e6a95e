// The simulated engine without gRPC, so that ThreadSanitizer sees it.
#include "server/simulated_engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "core/scheduling/elastic_policy.h"
#include "core/scheduling/executor.h"
#include "server/image_task.h"
#include "tests/testing/fake_clock.h"

namespace snapvit {
namespace {

SimulatedProfile Profile() {
  return *ParseSimulatedProfile(R"({"cells": [
    {"served_compute": 0.5, "fidelity": 0.5, "batch": 1, "latency_ms": 2},
    {"served_compute": 0.5, "fidelity": 0.5, "batch": 4, "latency_ms": 5},
    {"served_compute": 0.7, "fidelity": 0.7, "batch": 1, "latency_ms": 3},
    {"served_compute": 0.7, "fidelity": 0.7, "batch": 4, "latency_ms": 6},
    {"served_compute": 1, "fidelity": 1, "batch": 1, "latency_ms": 4},
    {"served_compute": 1, "fidelity": 1, "batch": 4, "latency_ms": 10}],
    "embedding_size": 8, "classes": 5})");
}

class CountingOwner final : public ImageTask::Owner {
 public:
  bool Cancelled() const override { return false; }
  void TaskDone() override {
    absl::MutexLock lock(&mu_);
    ++done_;
  }
  void Await(int count) {
    const auto reached = [this, count]() ABSL_SHARED_LOCKS_REQUIRED(mu_) { return done_ >= count; };
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(&reached));
  }

 private:
  absl::Mutex mu_;
  int done_ ABSL_GUARDED_BY(mu_) = 0;
};

class SimulatedEngineTest : public ::testing::Test {
 protected:
  // A task of a tensor whose pixels are all `pixel`.
  std::unique_ptr<ImageTask> MakeTask(float pixel, TaskSpec spec = {}) {
    ImageInput input;
    input.form = ImageInput::Form::kTensor;
    input.values.assign(3 * 32 * 32, pixel);
    spec.needs_preparation = false;
    auto task = std::make_unique<ImageTask>(std::move(spec), std::move(input), &limits_, &owner_);
    task->item().logits = true;
    return task;
  }
  // A backend on the fake clock: batches end at once and leave their time in waited_.
  SimulatedBackend MakeBackend(double jitter) {
    const SimulatedProfile profile = Profile();
    return SimulatedBackend(
        {.latency = profile.latency,
         .embedding_size = profile.embedding_size,
         .classes = profile.classes,
         .jitter = jitter,
         .clock = &clock_,
         .wait_until = [this](absl::Time end) { waited_ = end - clock_.Now(); }});
  }
  absl::Duration TimeOf(SimulatedBackend& backend, std::vector<int> rungs) {
    std::vector<std::unique_ptr<ImageTask>> tasks;
    std::vector<Assignment> batch;
    for (const int rung : rungs) {
      tasks.push_back(MakeTask(1));
      batch.push_back({tasks.back().get(), rung, RungReason::kAsWanted});
    }
    std::vector<absl::Status> statuses(batch.size());
    backend.Run(0, batch, statuses);
    return waited_;
  }

  FakeClock clock_;
  ImageLimits limits_;
  CountingOwner owner_;
  absl::Duration waited_;
};

TEST_F(SimulatedEngineTest, ABatchTakesTheTimeOfEachOfItsRungs) {
  SimulatedBackend backend = MakeBackend(0);
  EXPECT_EQ(TimeOf(backend, {2}), absl::Milliseconds(4));
  EXPECT_EQ(TimeOf(backend, {0, 0, 0, 0}), absl::Milliseconds(5));
  EXPECT_EQ(TimeOf(backend, {1, 0, 1, 1, 1}), absl::Milliseconds(6 + 2));
}

TEST_F(SimulatedEngineTest, JitterVariesTheTimesAroundTheProfile) {
  SimulatedBackend backend = MakeBackend(0.1);
  double sum = 0;
  double squares = 0;
  constexpr int kBatches = 2000;
  for (int i = 0; i < kBatches; ++i) {
    const double share = absl::ToDoubleMilliseconds(TimeOf(backend, {2})) / 4;
    sum += share;
    squares += (share - 1) * (share - 1);
  }
  EXPECT_NEAR(sum / kBatches, 1, 0.01);
  EXPECT_NEAR(squares / kBatches, 0.01, 0.002);
}

TEST_F(SimulatedEngineTest, TheLastWorkerStopsWhenTheProfileSaysSo) {
  SimulatedBackend backend({.latency = Profile().latency,
                            .workers = 2,
                            .clock = &clock_,
                            .wait_until = [](absl::Time) {},
                            .last_worker_stops_after = absl::Seconds(3)});
  clock_.Advance(absl::Seconds(10));
  EXPECT_TRUE(backend.Usable(1)) << "before the first batch";
  TimeOf(backend, {0});
  clock_.Advance(absl::Seconds(2.9));
  EXPECT_TRUE(backend.Usable(1));
  TimeOf(backend, {0});
  clock_.Advance(absl::Seconds(0.1));
  EXPECT_FALSE(backend.Usable(1));
  EXPECT_TRUE(backend.Usable(0));
}

TEST_F(SimulatedEngineTest, ResultsDependOnTheImageAlone) {
  SimulatedBackend backend = MakeBackend(0.1);
  const auto result = [&](float pixel, int rung) {
    const auto task = MakeTask(pixel);
    const Assignment batch[] = {{task.get(), rung, RungReason::kAsWanted}};
    absl::Status status;
    backend.Run(0, batch, std::span(&status, 1));
    EXPECT_EQ(task->item().embedding_shape, std::vector<int64_t>{8});
    EXPECT_EQ(task->item().logit_values.size(), 5U);
    return task->item().embedding_values;
  };
  EXPECT_EQ(result(0.5, 0), result(0.5, 2));
  EXPECT_NE(result(0.5, 0), result(0.25, 0));
}

TEST_F(SimulatedEngineTest, IsServedLikeAModel) {
  const auto model = MakeSimulatedModel(Profile(), "sim", std::nullopt);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ((*model)->name, "sim");
  EXPECT_EQ((*model)->floor_rung, 2) << "the default floor is a fidelity of 0.9";
  EXPECT_EQ((*model)->config.embed_dim, 8);
  EXPECT_EQ((*model)->latency->BatchTime(0, 1), absl::Milliseconds(2));
  EXPECT_TRUE((*model)->pooling(EmbeddingKind::kDefault).status.ok());
  EXPECT_EQ((*model)->pooling(EmbeddingKind::kPatches).status.code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ((*MakeSimulatedModel(Profile(), "sim", ComputeTarget{0.5}))->floor_rung, 0);
}

TEST_F(SimulatedEngineTest, WorkersRunBatchesSideBySide) {
  constexpr int kWorkers = 3;
  constexpr int kTasks = 60;
  ServingState state("sim");
  Metrics metrics{Metrics::Options()};
  const Logger log(LogLevel::kError, LogFormat::kText);
  SimulatedEngine engine(Profile(), kWorkers, std::nullopt, &state, &metrics, &log);
  ASSERT_TRUE(engine.Run().ok());
  EXPECT_EQ(state.Get().phase, Phase::kReady);

  Executor::Options options;
  options.scheduler.workers = kWorkers;
  options.on_worker_start = [&engine](int worker) { engine.StartWorker(worker); };
  auto executor = Executor::Create(
      options, std::make_unique<ElasticPolicy>(ElasticPolicy::Options{.workers = kWorkers}),
      engine.backend(), nullptr);
  ASSERT_TRUE(executor.ok()) << executor.status();
  std::vector<std::unique_ptr<ImageTask>> tasks;
  for (int i = 0; i < kTasks; ++i) {
    TaskSpec spec;
    spec.wanted = i % 3;
    spec.latency = state.Get().model->latency;
    tasks.push_back(MakeTask(static_cast<float>(i), std::move(spec)));
    Task* request[] = {tasks.back().get()};
    ASSERT_TRUE((*executor)->Submit(request).ok());
  }
  owner_.Await(kTasks);
  (*executor)->Drain(absl::Seconds(10));
  for (const auto& task : tasks) {
    EXPECT_TRUE(task->status().ok());
    const Execution& execution = task->execution();
    const absl::Duration profiled =
        state.Get().model->latency->BatchTime(*execution.rung, execution.batch_size);
    EXPECT_GE(execution.compute_time, profiled);
  }
}

}  // namespace
}  // namespace snapvit
