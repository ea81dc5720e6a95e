// Time of one decision of the scheduler beside a queue of N tasks: the limit is 5 us at 10 000.
//
// Each iteration times one call alone; what keeps the queue at its length is outside the timing.
#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdlib>
#include <deque>
#include <memory>
#include <random>
#include <span>
#include <vector>

#include "core/scheduling/deadline_policy.h"
#include "core/scheduling/elastic_policy.h"
#include "core/scheduling/scheduler.h"
#include "tests/testing/fake_clock.h"

namespace snapvit {
namespace {

constexpr int kRungs = 31;

class NullTask final : public Task {
 public:
  using Task::Task;
  absl::Status Prepare() override { return absl::OkStatus(); }
  bool Cancelled() const override { return false; }
  void Done(const absl::Status&, const Execution&) override {}
};

struct Shape {
  int queued = 0;
  int rungs = 1;
  int max_batch = 1;
  bool needs_preparation = false;
  bool shuffled = false;  // deadlines have nothing to do with the order of service
};

// A stream of tasks through a queue of fixed length. Its tasks come from a pool eight times as
// long, the one unused for longest first, so that memory is as cold as in a server.
class Stream {
 public:
  explicit Stream(const Shape& shape)
      : shape_(shape),
        scheduler_({&clock_, 1, {1u << 20, size_t{1} << 40, absl::Hours(100)}, 2},
                   std::make_unique<DeadlinePolicy>(DeadlinePolicy::Options{
                       .max_batch = shape.max_batch,
                       .patience = shape.shuffled ? absl::ZeroDuration() : absl::Hours(1)})) {
    const std::vector<std::vector<absl::Duration>> times(kRungs, {absl::Milliseconds(1)});
    profile_ = std::make_shared<const LatencyTable>(*LatencyTable::Create({1}, times));
    for (int i = 0; i < 8 * shape.queued; ++i) {
      unused_.push_back(&tasks_.emplace_back(NextSpec()));
    }
    for (int i = 0; i < shape.queued; ++i) Submit(Next());
  }
  ~Stream() { scheduler_.Abort(&done_); }

  // A new task, in the place of one that has ended.
  NullTask* Next() {
    NullTask* task = unused_.front();
    unused_.pop_front();
    std::destroy_at(task);
    return std::construct_at(task, NextSpec());
  }
  void Submit(Task* task) {
    if (!scheduler_.Submit({&task, 1}, &done_).ok()) std::abort();
  }
  // Replaces what has ended by new tasks.
  void Refill() {
    Forget();
    while (scheduler_.Stats().queued.items < static_cast<size_t>(shape_.queued)) Submit(Next());
  }
  void Forget() {
    for (const Completion& completion : done_) {
      unused_.push_back(static_cast<NullTask*>(completion.task));
    }
    done_.clear();
  }

  Scheduler& scheduler() { return scheduler_; }
  Completions& done() { return done_; }

 private:
  // Deadlines rise by 10 us a task, with a jitter of a tenth of the queue.
  TaskSpec NextSpec() {
    const int jitter = static_cast<int>(random_() % (shape_.queued * (shape_.shuffled ? 10 : 1)));
    TaskSpec spec;
    spec.wanted = static_cast<int>(random_() % shape_.rungs);
    spec.latency = profile_;
    spec.bytes = 100000;
    spec.prepared_bytes = 600000;
    spec.needs_preparation = shape_.needs_preparation;
    spec.hard_deadline =
        clock_.Now() + absl::Seconds(1) + absl::Microseconds(10 * made_++ + jitter);
    return spec;
  }

  const Shape shape_;
  FakeClock clock_;
  std::mt19937 random_{1};
  int64_t made_ = 0;
  std::shared_ptr<const LatencyTable> profile_;
  std::deque<NullTask> tasks_;
  std::deque<NullTask*> unused_;
  Scheduler scheduler_;
  Completions done_;
};

template <typename Call>
void Timed(benchmark::State& state, const Call& call) {
  const auto start = std::chrono::steady_clock::now();
  call();
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
  state.SetIterationTime(time.count());
}

Shape ShapeOf(const benchmark::State& state, bool needs_preparation) {
  return {static_cast<int>(state.range(0)), static_cast<int>(state.range(1)),
          static_cast<int>(state.range(2)), needs_preparation, state.range(3) != 0};
}

void BM_StartBatch(benchmark::State& state) {
  Stream stream(ShapeOf(state, /*needs_preparation=*/false));
  const std::vector<absl::Status> ok(state.range(2));
  for (auto _ : state) {
    size_t size = 0;
    Timed(state, [&] { size = stream.scheduler().StartBatch(0, &stream.done()).size(); });
    stream.scheduler().FinishBatch(0, std::span(ok).first(size), &stream.done());
    stream.Refill();
  }
}

void BM_FinishBatch(benchmark::State& state) {
  Stream stream(ShapeOf(state, /*needs_preparation=*/false));
  const std::vector<absl::Status> ok(state.range(2));
  for (auto _ : state) {
    const size_t size = stream.scheduler().StartBatch(0, &stream.done()).size();
    Timed(state,
          [&] { stream.scheduler().FinishBatch(0, std::span(ok).first(size), &stream.done()); });
    stream.Refill();
  }
}

void BM_StartPrepare(benchmark::State& state) {
  Stream stream(ShapeOf(state, /*needs_preparation=*/true));
  for (auto _ : state) {
    Task* task = nullptr;
    Timed(state, [&] { task = stream.scheduler().StartPrepare(&stream.done()); });
    stream.scheduler().FinishPrepare(task, absl::UnknownError("next"), &stream.done());
    stream.Refill();
  }
}

void BM_Submit(benchmark::State& state) {
  Stream stream(ShapeOf(state, /*needs_preparation=*/true));
  for (auto _ : state) {
    Task* task = stream.Next();
    Timed(state, [&] { stream.Submit(task); });
    stream.scheduler().Cancel({&task, 1}, &stream.done());
    stream.Forget();
  }
}

void Sizes(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"queued", "rungs", "batch", "shuffled"})->UseManualTime();
  for (const int shuffled : {0, 1}) {
    for (const int rungs : {1, kRungs}) {
      for (const int batch : {1, 16}) bench->Args({10000, rungs, batch, shuffled});
    }
  }
  bench->Args({100, kRungs, 16, 0});
}
BENCHMARK(BM_StartBatch)->Apply(Sizes);
BENCHMARK(BM_FinishBatch)->Apply(Sizes);
BENCHMARK(BM_StartPrepare)->Apply(Sizes);
BENCHMARK(BM_Submit)->Apply(Sizes);

// The server's policy, with tenants and budgets mixed: 8 rungs of 20 us and more, deadlines of 1 s.
void BM_ElasticStartBatch(benchmark::State& state) {
  const auto queued = static_cast<int>(state.range(0));
  const auto tenants = static_cast<int>(state.range(1));
  constexpr int kElasticRungs = 31;
  std::vector<std::vector<absl::Duration>> times;
  for (int rung = 0; rung < kElasticRungs; ++rung) {
    times.push_back({absl::Microseconds(20 + rung), absl::Microseconds(16 * (18 + rung))});
  }
  const auto profile =
      std::make_shared<const LatencyTable>(*LatencyTable::Create({1, 16}, std::move(times)));
  FakeClock clock;
  ElasticPolicy::Options options;
  options.patience = absl::Hours(1);
  Scheduler scheduler({&clock, 1, {1u << 20, size_t{1} << 40, absl::Hours(100)}, 2},
                      std::make_unique<ElasticPolicy>(options));
  std::mt19937 random(1);
  std::deque<NullTask> tasks;
  Completions done;
  const auto submit = [&] {
    TaskSpec spec;
    spec.tenant = static_cast<int>(random() % tenants);
    spec.wanted = kElasticRungs - 1 - static_cast<int>(random() % 4) * 4;
    spec.latency = profile;
    spec.needs_preparation = false;
    spec.soft_deadline = clock.Now() + absl::Seconds(1);
    Task* const task = &tasks.emplace_back(std::move(spec));
    if (!scheduler.Submit({&task, 1}, &done).ok()) std::abort();
  };
  for (int i = 0; i < queued; ++i) submit();
  for (auto _ : state) {
    size_t size = 0;
    Timed(state, [&] { size = scheduler.StartBatch(0, &done).size(); });
    clock.Advance(absl::Microseconds(50));
    scheduler.FinishBatch(0, std::vector<absl::Status>(size), &done);
    done.clear();
    for (size_t i = 0; i < size; ++i) submit();
  }
  scheduler.Abort(&done);
}
BENCHMARK(BM_ElasticStartBatch)
    ->UseManualTime()
    ->ArgNames({"queued", "tenants"})
    ->Args({100, 1})
    ->Args({10000, 1})
    ->Args({10000, 8})
    ->Args({10000, 100})
    ->Iterations(20000);

}  // namespace
}  // namespace snapvit
