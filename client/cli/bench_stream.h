// BenchStream: one stream of requests of a load: when they come and what they ask for. A load has
// one or several, such as one for each tenant.
#ifndef SNAPVIT_CLIENT_CLI_BENCH_STREAM_H_
#define SNAPVIT_CLIENT_CLI_BENCH_STREAM_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/cli/bench_budget_mix.h"
#include "core/load/arrival_spec.h"

namespace snapvit::cli {

enum class BenchMethod { kEmbed, kClassify };

struct BenchStream {
  std::string name;
  // Open loop: requests come when they come. Nothing: closed loop, so many requests are always on
  // their way.
  std::optional<ArrivalSpec> arrivals;
  int concurrency = 0;

  BudgetMix budgets;
  BenchMethod method = BenchMethod::kEmbed;
  int images_per_request = 1;
  std::optional<absl::Duration> deadline;  // from the intended time; nothing: none
  bool tell_deadline = true;               // as the request's timeout
  std::string api_key;                     // empty: none
};

// A stream as flags and keys of a streams file spell it; empty: not given.
struct StreamSettings {
  std::string name;
  std::string rate;
  std::string concurrency;
  std::string arrivals;
  std::string budget;
  std::string floor;
  std::string strict;
  std::string method;
  std::string batch;
  std::string deadline;
  std::string tell_deadline;
  std::string api_key_file;
};

// INVALID_ARGUMENT "KEY: …" with the value and what was expected.
absl::StatusOr<BenchStream> ParseStream(const StreamSettings& settings);

// A YAML (or JSON) list of streams, each a map of settings; what a stream does not name it has from
// `defaults`. Rate, concurrency and arrivals belong together: a stream that names one of them
// inherits none. Streams without a name are called by their number. Files are relative to the
// folder of `path`. INVALID_ARGUMENT "PATH:LINE: …"; also ReadFile's errors.
absl::StatusOr<std::vector<BenchStream>> ReadStreams(const std::string& path,
                                                     const StreamSettings& defaults);

}  // namespace snapvit::cli

#endif  // SNAPVIT_CLIENT_CLI_BENCH_STREAM_H_
