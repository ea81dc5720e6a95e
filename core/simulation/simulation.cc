#include "core/simulation/simulation.h"

#include <algorithm>
#include <deque>
#include <limits>
#include <queue>
#include <random>
#include <utility>

#include "core/base/clock.h"
#include "core/scheduling/scheduler.h"

namespace snapvit {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();
constexpr double kCapSamplePeriod = 0.01;  // seconds

class SimulatedClock final : public Clock {
 public:
  absl::Time Now() const override { return now_; }
  double seconds() const { return seconds_; }
  void Set(double seconds) {
    seconds_ = seconds;
    now_ = absl::FromUnixSeconds(1'700'000'000) + absl::Seconds(seconds);
  }

 private:
  double seconds_ = 0;
  absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
};

class SimulatedTask final : public Task {
 public:
  SimulatedTask(TaskSpec spec, size_t of_stream, double at)
      : Task(std::move(spec)), stream(of_stream), arrival(at) {}
  absl::Status Prepare() override { return absl::OkStatus(); }
  bool Cancelled() const override { return false; }
  void Done(const absl::Status& /*status*/, const Execution& /*execution*/) override {}

  const size_t stream;
  const double arrival;
};

class Simulation {
 public:
  Simulation(const SimulationOptions& options, const std::vector<SimulatedStream>& streams,
             std::unique_ptr<Policy> policy)
      : options_(options),
        streams_(streams),
        random_(options.seed),
        scheduler_({&clock_, options.workers, options.bounds, /*batches_ahead=*/2},
                   std::move(policy)),
        next_(streams.size()) {
    result_.streams.resize(streams.size());
    scheduler_.SetTenants(options.tenants);
    for (int worker = options.workers - 1; worker >= 0; --worker) idle_.push_back(worker);
  }

  SimulationResult Run() {
    while (true) {
      const auto [arrival, stream] = NextArrival();
      const double finish = running_.empty() ? kNever : running_.top().first;
      const double expiry = NextExpiry();
      const double next = std::min({arrival, finish, expiry});
      if (next == kNever) break;
      clock_.Set(std::max(next, clock_.seconds()));
      if (next == arrival) {
        Arrive(stream);
      } else if (next == finish) {
        const int worker = running_.top().second;
        running_.pop();
        statuses_.assign(batch_sizes_[worker], absl::OkStatus());
        scheduler_.FinishBatch(worker, statuses_, &done_);
        idle_.push_back(worker);
      } else {
        scheduler_.Expire(&done_);
      }
      Deliver();
      StartBatches();
      SampleCaps();
    }
    result_.seconds = clock_.seconds();
    result_.busy_seconds = absl::ToDoubleSeconds(scheduler_.Stats().busy_time);
    return std::move(result_);
  }

 private:
  bool Stopped(int worker) const {
    return options_.worker_stops_at.has_value() && worker == options_.workers - 1 &&
           clock_.seconds() >= *options_.worker_stops_at;
  }

  std::pair<double, size_t> NextArrival() const {
    std::pair<double, size_t> first{kNever, 0};
    for (size_t i = 0; i < streams_.size(); ++i) {
      if (next_[i] < streams_[i].arrivals.size()) {
        first = std::min(first, {streams_[i].arrivals[next_[i]], i});
      }
    }
    return first;
  }

  double NextExpiry() const {
    const absl::Time next = scheduler_.NextExpiry();
    if (next == absl::InfiniteFuture() || scheduler_.Idle()) return kNever;
    // What runs past its deadline stays in the index until then, and is skipped.
    const SchedulerStats stats = scheduler_.Stats();
    if (stats.queued.items == 0) return kNever;
    return std::max(clock_.seconds(),
                    absl::ToDoubleSeconds(next - clock_.Now()) + clock_.seconds()) +
           1e-9;
  }

  void Arrive(size_t index) {
    const SimulatedStream& stream = streams_[index];
    const double arrival = stream.arrivals[next_[index]++];
    TaskSpec spec;
    spec.tenant = stream.tenant;
    spec.floor = stream.floor;
    spec.wanted = stream.wanted;
    spec.latency = options_.latency;
    if (stream.deadline != absl::InfiniteDuration()) {
      spec.hard_deadline = clock_.Now() + stream.deadline;
    }
    if (stream.latency_target != absl::InfiniteDuration()) {
      spec.soft_deadline = clock_.Now() + stream.latency_target;
    }
    spec.needs_preparation = false;
    ++result_.total.sent;
    ++result_.streams[index].sent;
    ++Bin(arrival).sent;
    auto task = std::make_unique<SimulatedTask>(std::move(spec), index, arrival);
    Task* const request[] = {task.get()};
    if (scheduler_.Submit(request, &done_).ok()) {
      task.release();  // until Deliver()
      return;
    }
    ++result_.total.shed;
    ++result_.streams[index].shed;
    ++Bin(arrival).missed;
  }

  void StartBatches() {
    const auto stopped =
        std::find_if(idle_.begin(), idle_.end(), [this](int worker) { return Stopped(worker); });
    if (stopped != idle_.end()) {
      scheduler_.StopWorker(*stopped);
      idle_.erase(stopped);
    }
    while (!idle_.empty()) {
      const int worker = idle_.back();
      const std::span<const Assignment> batch = scheduler_.StartBatch(worker, &done_);
      if (batch.empty()) break;
      idle_.pop_back();
      ++result_.batches;
      if (batch_sizes_.size() <= static_cast<size_t>(worker)) batch_sizes_.resize(worker + 1);
      batch_sizes_[worker] = batch.size();
      running_.push({clock_.seconds() + TimeOf(batch), worker});
    }
    Deliver();
  }

  // Items of one rung run together, rungs one after another.
  double TimeOf(std::span<const Assignment> batch) {
    double seconds = 0;
    for (int rung = 0; rung < options_.latency->rungs(); ++rung) {
      const auto items = std::count_if(batch.begin(), batch.end(),
                                       [rung](const Assignment& a) { return a.rung == rung; });
      if (items == 0) continue;
      seconds += absl::ToDoubleSeconds(options_.latency->BatchTime(rung, static_cast<int>(items)));
    }
    const double noise = options_.jitter == 0 ? 0 : options_.jitter * normal_(random_);
    return seconds * options_.slowdown * std::max(0.2, 1 + noise);
  }

  SimulatedBin& Bin(double arrival) {
    const auto index = static_cast<size_t>(arrival / options_.bin_seconds);
    if (result_.timeline.size() <= index) result_.timeline.resize(index + 1);
    return result_.timeline[index];
  }

  void Deliver() {
    for (const Completion& completion : done_) {
      const std::unique_ptr<SimulatedTask> task(static_cast<SimulatedTask*>(completion.task));
      Count(*task, completion, result_.total);
      Count(*task, completion, result_.streams[task->stream]);
      CountBin(*task, completion);
    }
    done_.clear();
  }

  bool InTime(const SimulatedTask& task, const Completion& completion) const {
    const absl::Time due = std::min(task.spec().hard_deadline, task.spec().soft_deadline);
    return completion.status.ok() && clock_.Now() <= due;
  }
  double FidelityOf(const Completion& completion) const {
    return options_.fidelity.empty() ? 0 : options_.fidelity[*completion.execution.rung];
  }
  double ComputeOf(const Completion& completion) const {
    return options_.compute.empty() ? 0 : options_.compute[*completion.execution.rung];
  }

  void Count(const SimulatedTask& task, const Completion& completion, SimulatedOutcome& out) const {
    if (absl::IsDeadlineExceeded(completion.status)) {
      ++out.expired;
      return;
    }
    if (!completion.status.ok()) {
      ++out.shed;
      return;
    }
    if (*completion.execution.rung < task.spec().wanted) ++out.degraded;
    out.latencies.push_back(static_cast<float>(clock_.seconds() - task.arrival));
    if (!InTime(task, completion)) {
      ++out.late;
      return;
    }
    ++out.in_time;
    out.fidelity_sum += FidelityOf(completion);
    out.compute_sum += ComputeOf(completion);
  }

  void CountBin(const SimulatedTask& task, const Completion& completion) {
    SimulatedBin& bin = Bin(task.arrival);
    const auto latency = static_cast<float>(clock_.seconds() - task.arrival);
    if (completion.status.ok()) bin.worst_latency = std::max(bin.worst_latency, latency);
    if (!InTime(task, completion)) {
      ++bin.missed;
      return;
    }
    ++bin.in_time;
    bin.fidelity_sum += FidelityOf(completion);
    bin.compute_sum += ComputeOf(completion);
  }

  void SampleCaps() {
    if (clock_.seconds() < caps_sampled_at_ + kCapSamplePeriod) return;
    caps_sampled_at_ = clock_.seconds();
    const TenantGovernances now = scheduler_.Governance();
    for (size_t i = 0; i < now.size(); ++i) {
      if (i < caps_.size() && caps_[i] != now[i].cap_rung) ++result_.cap_moves;
    }
    caps_.clear();
    for (const TenantGovernance& tenant : now) caps_.push_back(tenant.cap_rung);
  }

  const SimulationOptions& options_;
  const std::vector<SimulatedStream>& streams_;
  std::mt19937_64 random_;
  std::normal_distribution<double> normal_;
  SimulatedClock clock_;
  Scheduler scheduler_;
  std::vector<size_t> next_;  // arrival of each stream
  std::vector<int> idle_;
  using Finish = std::pair<double, int>;  // seconds, worker
  std::priority_queue<Finish, std::vector<Finish>, std::greater<Finish>> running_;
  std::vector<size_t> batch_sizes_;  // by worker
  std::vector<absl::Status> statuses_;
  Completions done_;
  double caps_sampled_at_ = 0;
  std::vector<int> caps_;
  SimulationResult result_;
};

}  // namespace

SimulationResult Simulate(const SimulationOptions& options,
                          const std::vector<SimulatedStream>& streams,
                          std::unique_ptr<Policy> policy) {
  return Simulation(options, streams, std::move(policy)).Run();
}

}  // namespace snapvit
