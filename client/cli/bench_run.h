// RunBench: sends a load and accounts for every request. Open streams send at the intended times
// whatever comes back, and latency counts from the intended time: a server that stalls is charged
// with all that it kept waiting ("no coordinated omission").
#ifndef SNAPVIT_CLIENT_CLI_BENCH_RUN_H_
#define SNAPVIT_CLIENT_CLI_BENCH_RUN_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/cli/bench_caller.h"
#include "client/cli/bench_request.h"
#include "client/cli/bench_stream.h"
#include "client/cli/bench_timeline.h"
#include "core/base/progress.h"
#include "core/load/latency_histogram.h"
#include "core/load/load_record.h"

namespace snapvit::cli {

struct BenchPlan {
  std::vector<BenchStream> streams;
  std::string model;                       // empty: the one that the server serves
  std::optional<absl::Duration> duration;  // of the part that counts; nothing: no limit
  std::optional<uint64_t> requests;        // that count, of all streams; nothing: no limit
  absl::Duration warmup;                   // before that, at the rates that the load begins with
  uint64_t seed = 1;
  absl::Duration timeout = absl::Seconds(60);  // after which a request without a reply has failed
  size_t max_in_flight = 20'000;               // more are not sent and fail
};

struct BenchResult {
  struct Stream {
    std::string name;
    std::optional<absl::Duration> deadline;
    LoadRecord record;
  };
  std::vector<Stream> streams;
  LoadRecord total;
  BenchTimeline timeline{0};

  absl::Duration elapsed;     // from the first moment that counts to the last reply
  LatencyHistogram lateness;  // of the open streams' sends after their intended times
  absl::Duration cpu_time;    // of this process, warm-up included
  absl::Duration wall_time;   // during which it was taken
  uint64_t abandoned = 0;     // on their way when the run was interrupted; not counted as sent
  bool interrupted = false;

  // Whether the generator sent when it was meant to: what it measures is its own otherwise.
  bool KeptUp() const;
};

// The lateness that at most one send in a hundred may have.
inline constexpr absl::Duration kMostLateness = absl::Milliseconds(5);

// Blocks until all replies are there. `progress` that returns false ends the sending; what is on
// its way then has a second to be answered. INVALID_ARGUMENT: a load without an end.
absl::StatusOr<BenchResult> RunBench(const BenchPlan& plan, const std::vector<ImageSlice>& images,
                                     BenchCaller& caller, const ProgressFn& progress);

}  // namespace snapvit::cli

#endif  // SNAPVIT_CLIENT_CLI_BENCH_RUN_H_
