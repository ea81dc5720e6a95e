#include "core/simulation/experiment.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <utility>

#include "absl/strings/str_format.h"
#include "core/base/status_macros.h"
#include "core/load/arrival_spec.h"
#include "core/scheduling/baseline_policies.h"

namespace snapvit {
namespace {

constexpr int kMaxBatch = 16;
constexpr double kBase = 0.19;  // of C, constant, of the bursty loads

std::string Bursty(double capacity, double load, int cv_squared) {
  return absl::StrFormat("constant@%.6f+gamma:%d@%.6f", kBase * capacity, cv_squared,
                         (load - kBase) * capacity);
}

// 97.5 % quantile of Student's t.
double StudentT(size_t degrees) {
  constexpr std::array<double, 30> kQuantiles = {
      12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
      2.201,  2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
      2.080,  2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042};
  return degrees <= kQuantiles.size() ? kQuantiles[degrees - 1] : 1.96;
}

}  // namespace

double SustainedRate(const LatencyTable& latency, int rung, int workers, int max_batch) {
  double best = 0;
  for (int batch = 1; batch <= max_batch; ++batch) {
    best = std::max(best, batch / absl::ToDoubleSeconds(latency.BatchTime(rung, batch)));
  }
  return best * workers;
}

std::vector<Scenario> StandardScenarios(double capacity, int workers, double seconds) {
  std::vector<Scenario> scenarios;
  for (const double load : {0.56, 0.80, 0.88}) {
    for (const int cv_squared : {2, 4, 8}) {
      scenarios.push_back({absl::StrFormat("bursty %.2f C, CV² %d", load, cv_squared),
                           Bursty(capacity, load, cv_squared), std::nullopt});
    }
  }
  const double low = 0.31 * capacity;
  const double high = 0.98 * capacity;
  scenarios.push_back({absl::StrFormat("0.31 C to 0.98 C in %g s", seconds),
                       absl::StrFormat("gamma:2@%.6f..%.6f:%fs", low, high, seconds),
                       std::nullopt});
  if (seconds > 1) {
    scenarios.push_back({"0.31 C to 0.98 C in 1 s",
                         absl::StrFormat("gamma:2@%.6f:%fs,%.6f..%.6f:1s,%.6f:%fs", low,
                                         seconds / 2 - 0.5, low, high, high, seconds / 2 - 0.5),
                         std::nullopt});
  }
  if (workers > 1) {
    scenarios.push_back(
        {"0.44 C, a worker stops", absl::StrFormat("gamma:2@%.6f", 0.44 * capacity), seconds / 2});
  }
  return scenarios;
}

absl::StatusOr<std::vector<double>> DrawArrivals(const std::string& arrivals, double seconds,
                                                 uint64_t seed) {
  ASSIGN_OR_RETURN(const ArrivalSpec spec, ArrivalSpec::Parse(arrivals, std::nullopt));
  const std::unique_ptr<Arrivals> process = spec.Start(seed);
  std::vector<double> times;
  while (const std::optional<absl::Duration> next = process->Next()) {
    const double time = absl::ToDoubleSeconds(*next);
    if (time > seconds) break;
    times.push_back(time);
  }
  return times;
}

PairedDifference Compare(const std::vector<double>& ours, const std::vector<double>& theirs) {
  const auto count = static_cast<double>(ours.size());
  double mean = 0;
  for (size_t i = 0; i < ours.size(); ++i) mean += (ours[i] - theirs[i]) / count;
  double squares = 0;
  for (size_t i = 0; i < ours.size(); ++i) squares += std::pow(ours[i] - theirs[i] - mean, 2);
  const double error = std::sqrt(squares / (count - 1) / count) * StudentT(ours.size() - 1);
  return {mean, mean - error, mean + error};
}

absl::StatusOr<GreedyTenant> SimulateGreedyTenant(const SimulationOptions& options, double capacity,
                                                  double load, absl::Duration deadline,
                                                  double seconds, uint64_t seed) {
  const int top = options.latency->rungs() - 1;
  SimulatedStream modest{.tenant = 0, .wanted = top, .deadline = deadline};
  SimulatedStream greedy{.tenant = 1, .wanted = top, .deadline = deadline};
  ASSIGN_OR_RETURN(modest.arrivals,
                   DrawArrivals(absl::StrFormat("gamma:2@%.6f", load * capacity), seconds, seed));
  ASSIGN_OR_RETURN(greedy.arrivals, DrawArrivals(absl::StrFormat("poisson@%.6f", 5 * capacity),
                                                 seconds, seed + 1000));
  GreedyTenant outcome;
  ASSIGN_OR_RETURN(std::unique_ptr<Policy> policy,
                   MakePolicy("elastic", options.workers, kMaxBatch));
  SimulationResult both = Simulate(options, {modest, greedy}, std::move(policy));
  outcome.modest = std::move(both.streams[0]);
  outcome.greedy = std::move(both.streams[1]);
  SimulationOptions half = options;
  half.workers = options.workers / 2;
  ASSIGN_OR_RETURN(policy, MakePolicy("elastic", half.workers, kMaxBatch));
  outcome.alone = Simulate(half, {modest}, std::move(policy)).total;
  return outcome;
}

absl::StatusOr<LoadStep> SimulateLoadStep(const SimulationOptions& options, double capacity,
                                          double dense_capacity, absl::Duration deadline,
                                          double seconds, uint64_t seed) {
  LoadStep step;
  step.up_at = seconds / 4;
  step.down_at = 3 * seconds / 4;
  step.times_dense = std::min(2.0, 0.9 * capacity / dense_capacity);
  const double low = 0.5 * dense_capacity;
  SimulatedStream stream{.wanted = options.latency->rungs() - 1, .latency_target = deadline};
  ASSIGN_OR_RETURN(stream.arrivals,
                   DrawArrivals(absl::StrFormat("poisson@%.6f:%fs,%.6f:%fs,%.6f", low, step.up_at,
                                                step.times_dense * dense_capacity,
                                                step.down_at - step.up_at, low),
                                seconds, seed));
  ASSIGN_OR_RETURN(std::unique_ptr<Policy> policy,
                   MakePolicy("elastic", options.workers, kMaxBatch));
  step.result = Simulate(options, {stream}, std::move(policy));
  for (size_t i = 0; i < step.result.timeline.size(); ++i) {
    const SimulatedBin& bin = step.result.timeline[i];
    const double end = static_cast<double>(i + 1) * options.bin_seconds;
    if (bin.missed > 0 && end > step.up_at) step.in_deadline_after = end - step.up_at;
    const bool dense = bin.compute_sum >= 0.999 * static_cast<double>(bin.sent);
    if (!dense && end > step.down_at) step.full_budget_after = end - step.down_at;
  }
  return step;
}

}  // namespace snapvit
