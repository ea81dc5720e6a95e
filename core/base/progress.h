// Progress of anything that takes longer than two seconds: ordering, warm-up, profile, evaluation.
#ifndef SNAPVIT_CORE_BASE_PROGRESS_H_
#define SNAPVIT_CORE_BASE_PROGRESS_H_

#include <functional>
#include <string>
#include <string_view>

namespace snapvit {

struct ProgressUpdate {
  std::string_view stage;  // what is being done, e.g. "gradients"; valid during the call
  double fraction = 0;     // of the whole job, [0, 1]
};

// Receives updates, from one thread at a time. Returning false asks the job to stop: it ends with
// CANCELLED and leaves nothing half-written.
using ProgressFn = std::function<bool(const ProgressUpdate&)>;

// Passes on the progress of a part of a job as that of the whole, of which the part is [begin,
// end]. Empty if `progress` is.
ProgressFn PartOf(const ProgressFn& progress, double begin, double end);

// A bar with percentage and time left on standard error if it is a terminal, else a plain line
// every ten percent. `title` is what the line starts with.
ProgressFn TerminalProgress(std::string title);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_BASE_PROGRESS_H_
