// BenchReport: what `bench` measured, as a table, JSON, a CSV of its course, and a picture of it.
#ifndef SNAPVIT_CLIENT_CLI_BENCH_REPORT_H_
#define SNAPVIT_CLIENT_CLI_BENCH_REPORT_H_

#include <cstdint>
#include <string>

#include "client/cli/bench_run.h"
#include "client/cli/json_output.h"

namespace snapvit::cli {

struct BenchReport {
  std::string target;
  std::string model;
  uint64_t seed = 0;
  absl::Duration warmup;
  BenchResult result;

  std::string ToText() const;
  // {"sent", "ok", …} of the whole load and, in "streams", of each stream; "generator": how well it
  // kept up.
  Json ToJson() const;
  // A line for each bin of the timeline and stream; stream "all" is all of them.
  std::string TimelineCsv() const;
  // Rates, latency and served compute over time, one below the other.
  std::string TimelineSvg() const;
  // What makes the measurement doubtful, a sentence; empty: nothing.
  std::string Warning() const;
};

}  // namespace snapvit::cli

#endif  // SNAPVIT_CLIENT_CLI_BENCH_REPORT_H_
