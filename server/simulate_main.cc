// snapvit-simulate: what a profile can carry, by the scheduler and the policies of the server on
// simulated time.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "core/base/status_macros.h"
#include "core/scheduling/baseline_policies.h"
#include "core/simulation/experiment.h"
#include "core/simulation/simulation.h"
#include "server/simulated_profile.h"

namespace snapvit {
namespace {

using nlohmann::ordered_json;

constexpr int kMaxBatch = 16;
constexpr char kReference[] = "slackfit";  // that differences are to
constexpr char kEveryRung[] = "fixed:all";

struct Flags {
  std::string profile;
  int workers = 8;
  int seeds = 5;
  double seconds = 20;
  double requests = 0;   // of each load, instead of seconds
  double deadline = 36;  // in requests of the whole server: SuperServe's proportion
  double jitter = 0;
  std::vector<std::string> policies = {"elastic", "slackfit", "max-accuracy", "max-batch",
                                       "lowest"};
  std::vector<std::string> arrivals;  // instead of the standard loads
  std::string experiment = "policies";
  bool json = false;
};

// Of one policy on one load, by seed.
struct Scores {
  std::vector<double> attainment, fidelity, sent_fidelity, compute, p99_ms;
  size_t requests = 0;
  double seconds = 0;  // of real time
  size_t cap_moves = 0;
};

double Mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

double Quantile(std::vector<float>& values, double share) {
  if (values.empty()) return 0;
  const auto index = static_cast<int64_t>(share * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), values.begin() + index, values.end());
  return values[static_cast<size_t>(index)];
}

absl::Status Add(const Flags& flags, SimulationOptions& options, const SimulatedStream& stream,
                 const std::string& policy, Scores& scores) {
  ASSIGN_OR_RETURN(std::unique_ptr<Policy> made, MakePolicy(policy, flags.workers, kMaxBatch));
  const absl::Time start = absl::Now();
  SimulationResult result = Simulate(options, {stream}, std::move(made));
  scores.seconds += absl::ToDoubleSeconds(absl::Now() - start);
  SimulatedOutcome& total = result.total;
  scores.attainment.push_back(total.attainment());
  scores.fidelity.push_back(total.mean_fidelity());
  scores.sent_fidelity.push_back(total.fidelity_sum / static_cast<double>(total.sent));
  scores.compute.push_back(total.mean_compute());
  scores.p99_ms.push_back(1e3 * Quantile(total.latencies, 0.99));
  scores.requests += total.sent;
  scores.cap_moves += result.cap_moves;
  return absl::OkStatus();
}

ordered_json ToJson(const PairedDifference& difference) {
  return {{"mean", difference.mean}, {"lower", difference.lower}, {"upper", difference.upper}};
}

void PrintRow(const std::string& policy, const Scores& scores, const Scores* reference) {
  std::cout << absl::StrFormat(
      "  %-14s %8.5f %9.4f %9.4f %8.3f %8.1f", policy, Mean(scores.attainment),
      Mean(scores.fidelity), Mean(scores.sent_fidelity), Mean(scores.compute), Mean(scores.p99_ms));
  if (reference != nullptr && reference != &scores && scores.attainment.size() > 1) {
    const PairedDifference attainment = Compare(scores.attainment, reference->attainment);
    const PairedDifference fidelity = Compare(scores.fidelity, reference->fidelity);
    const PairedDifference sent = Compare(scores.sent_fidelity, reference->sent_fidelity);
    std::cout << absl::StrFormat("   %+.5f  %+.4f  %+.4f", attainment.lower, fidelity.lower,
                                 sent.lower);
  }
  std::cout << std::endl;
}

struct Setting {
  SimulationOptions options;
  double capacity = 0, dense_capacity = 0;
  absl::Duration deadline;
};

// A greedy tenant beside one that asks for 20 … 90 % of its half.
absl::Status RunGreedy(const Flags& flags, const Setting& setting) {
  std::cout
      << "one tenant asks for 10 x its half of the server, the other for\n"
         "  C      in time, beside and alone   compute, beside and alone    greedy: in time\n";
  for (const double load : {0.1, 0.2, 0.3, 0.4, 0.45}) {
    std::vector<double> in_time, in_time_alone, compute, compute_alone, greedy;
    for (int seed = 0; seed < flags.seeds; ++seed) {
      ASSIGN_OR_RETURN(const GreedyTenant outcome,
                       SimulateGreedyTenant(setting.options, setting.capacity, load,
                                            setting.deadline, flags.seconds, seed));
      in_time.push_back(outcome.modest.attainment());
      in_time_alone.push_back(outcome.alone.attainment());
      compute.push_back(outcome.modest.mean_compute());
      compute_alone.push_back(outcome.alone.mean_compute());
      greedy.push_back(outcome.greedy.attainment());
    }
    std::cout << absl::StrFormat("  %.2f   %.5f  %.5f            %.4f  %.4f               %.4f\n",
                                 load, Mean(in_time), Mean(in_time_alone), Mean(compute),
                                 Mean(compute_alone), Mean(greedy));
  }
  return absl::OkStatus();
}

absl::Status RunStep(const Flags& flags, const Setting& setting) {
  std::cout << "load 0.5 x dense, a step up for half of the time, and back\n"
               "  x dense   late replies, at most s after the step   full budget, s after it   "
               "shed   mean compute   moves of the cap\n";
  for (int seed = 0; seed < flags.seeds; ++seed) {
    ASSIGN_OR_RETURN(const LoadStep step,
                     SimulateLoadStep(setting.options, setting.capacity, setting.dense_capacity,
                                      setting.deadline, flags.seconds, seed));
    std::cout << absl::StrFormat("  %.2f      %zu, %.1f   %.1f   %zu   %.3f   %zu\n",
                                 step.times_dense, step.result.total.late, step.in_deadline_after,
                                 step.full_budget_after, step.result.total.shed,
                                 step.result.total.mean_compute(), step.result.cap_moves);
  }
  return absl::OkStatus();
}

// With the rungs of the profile for fixed:all.
std::vector<std::string> Policies(const Flags& flags, const SimulatedProfile& profile) {
  std::vector<std::string> policies;
  for (const std::string& policy : flags.policies) {
    if (policy != kEveryRung) {
      policies.push_back(policy);
      continue;
    }
    for (const Rung& rung : profile.ladder.rungs()) {
      policies.push_back(absl::StrCat("fixed:", rung.index));
    }
  }
  return policies;
}

absl::Status Run(const Flags& flags) {
  ASSIGN_OR_RETURN(const SimulatedProfile profile, ReadSimulatedProfile(flags.profile));
  const std::vector<std::string> policies = Policies(flags, profile);
  SimulationOptions options;
  options.workers = flags.workers;
  options.jitter = flags.jitter;
  options.latency = std::make_shared<const LatencyTable>(profile.latency);
  for (const Rung& rung : profile.ladder.rungs()) {
    options.fidelity.push_back(rung.fidelity.value_or(0));
    options.compute.push_back(rung.compute);
  }
  const double capacity = SustainedRate(profile.latency, 0, flags.workers, kMaxBatch);
  const double dense =
      SustainedRate(profile.latency, profile.ladder.dense(), flags.workers, kMaxBatch);
  const double deadline = flags.deadline * flags.workers / capacity;
  const double seconds = flags.requests > 0 ? flags.requests / (0.8 * capacity) : flags.seconds;
  const Setting setting{options, capacity, dense, absl::Seconds(deadline)};
  if (flags.experiment == "greedy") return RunGreedy(flags, setting);
  if (flags.experiment == "step") return RunStep(flags, setting);
  std::vector<Scenario> scenarios;
  for (const std::string& arrivals : flags.arrivals) scenarios.push_back({arrivals, arrivals, {}});
  if (scenarios.empty()) scenarios = StandardScenarios(capacity, flags.workers, seconds);

  ordered_json document = {{"workers", flags.workers},     {"capacity", capacity},
                           {"dense_capacity", dense},      {"deadline_ms", 1e3 * deadline},
                           {"seconds", seconds},           {"seeds", flags.seeds},
                           {"rows", ordered_json::array()}};
  if (!flags.json) {
    std::cout << absl::StrFormat(
        "%d workers, C = %.0f requests/s at the lowest rung, %.0f dense (C/dense %.2f), deadline "
        "%.1f ms, %g s, %d seeds\n",
        flags.workers, capacity, dense, capacity / dense, 1e3 * deadline, seconds, flags.seeds);
    std::cout << "  policy         in time  fidelity  of sent   compute   p99 ms   lower 95 % "
                 "bounds against slackfit: in time, fidelity, fidelity of sent"
              << std::endl;
  }
  for (const Scenario& scenario : scenarios) {
    if (!flags.json) std::cout << scenario.name << std::endl;
    options.worker_stops_at = scenario.worker_stops_at;
    std::map<std::string, Scores> scores;
    for (int seed = 0; seed < flags.seeds; ++seed) {
      SimulatedStream stream;
      stream.wanted = profile.ladder.dense();
      stream.deadline = absl::Seconds(deadline);
      ASSIGN_OR_RETURN(stream.arrivals, DrawArrivals(scenario.arrivals, seconds, seed));
      options.seed = seed;
      for (const std::string& policy : policies) {
        RETURN_IF_ERROR(Add(flags, options, stream, policy, scores[policy]));
      }
    }
    const auto reference = scores.find(kReference);
    for (const std::string& policy : policies) {
      const Scores& own = scores[policy];
      const Scores* other = reference == scores.end() ? nullptr : &reference->second;
      if (!flags.json) PrintRow(policy, own, other);
      ordered_json row = {{"load", scenario.name},
                          {"policy", policy},
                          {"attainment", Mean(own.attainment)},
                          {"mean_fidelity", Mean(own.fidelity)},
                          {"mean_fidelity_of_sent", Mean(own.sent_fidelity)},
                          {"mean_served_compute", Mean(own.compute)},
                          {"p99_ms", Mean(own.p99_ms)},
                          {"requests", own.requests},
                          {"cap_moves", own.cap_moves},
                          {"real_seconds", own.seconds}};
      if (other != nullptr && other != &own && flags.seeds > 1) {
        row["attainment_difference"] = ToJson(Compare(own.attainment, other->attainment));
        row["fidelity_difference"] = ToJson(Compare(own.fidelity, other->fidelity));
        row["fidelity_of_sent_difference"] =
            ToJson(Compare(own.sent_fidelity, other->sent_fidelity));
      }
      document["rows"].push_back(std::move(row));
    }
  }
  if (flags.json) std::cout << document.dump(2) << std::endl;
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  CLI::App app{
      "Simulates the scheduler of snapvit-server on a profile: loads in proportion to what "
      "the workers can do, and the policies side by side (docs/scheduling.md)."};
  Flags flags;
  app.add_option("--profile", flags.profile, "JSON file as of --engine simulated (docs/formats.md)")
      ->required();
  app.add_option("--workers", flags.workers)->check(CLI::Range(1, 256))->capture_default_str();
  app.add_option("--policies", flags.policies,
                 "elastic, slackfit, slackfit:MS, max-accuracy, max-batch, lowest, fixed:RUNG, "
                 "fixed:all")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--experiment", flags.experiment,
                 "policies side by side, a greedy tenant, or a step of the load")
      ->check(CLI::IsMember({"policies", "greedy", "step"}))
      ->capture_default_str();
  app.add_option(
      "--arrivals", flags.arrivals,
      "Load instead of the standard ones, e.g. constant@190+gamma:4@610; again for more");
  app.add_option("--seeds", flags.seeds)->check(CLI::Range(1, 1000))->capture_default_str();
  app.add_option("--seconds", flags.seconds, "Simulated, of each load")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--requests", flags.requests, "Length in requests at 0.8 C, instead of seconds")
      ->check(CLI::PositiveNumber);
  app.add_option("--deadline", flags.deadline,
                 "In times that the server takes for a request at the lowest rung")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--jitter", flags.jitter, "Standard deviation of a batch's time, as a share of it")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  app.add_flag("--json", flags.json, "One JSON document");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  const absl::Status status = Run(flags);
  if (status.ok()) return 0;
  std::cerr << "snapvit-simulate: " << status.message() << "\n";
  return 2;
}

}  // namespace
}  // namespace snapvit

int main(int argc, char** argv) { return snapvit::Main(argc, argv); }
