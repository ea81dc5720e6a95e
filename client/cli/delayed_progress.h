// Progress on standard error that stays silent for jobs of less than two seconds, and gives way to
// Ctrl-C.
#ifndef SNAPVIT_CLIENT_CLI_DELAYED_PROGRESS_H_
#define SNAPVIT_CLIENT_CLI_DELAYED_PROGRESS_H_

#include <string>

#include "core/base/progress.h"

namespace snapvit::cli {

// Shows TerminalProgress(title) from two seconds after this call on. From this call on Ctrl-C makes
// the next update ask the job to stop; a second Ctrl-C ends the process at once.
ProgressFn DelayedProgress(std::string title);

}  // namespace snapvit::cli

#endif  // SNAPVIT_CLIENT_CLI_DELAYED_PROGRESS_H_
