#include "client/cli/delayed_progress.h"

#include <csignal>
#include <utility>

#include "core/base/clock.h"

namespace snapvit::cli {
namespace {

constexpr absl::Duration kDelay = absl::Seconds(2);

volatile std::sig_atomic_t interrupted = 0;

void OnInterrupt(int) {
  interrupted = 1;
  std::signal(SIGINT, SIG_DFL);
}

}  // namespace

ProgressFn DelayedProgress(std::string title) {
  std::signal(SIGINT, OnInterrupt);
  const absl::Time start = Clock::Monotonic()->Now();
  return [start, shown = false,
          show = TerminalProgress(std::move(title))](const ProgressUpdate& update) mutable {
    // A job that turns out short never shows; one that was shown also shows its end.
    if (!shown && update.fraction < 1) shown = Clock::Monotonic()->Now() - start >= kDelay;
    if (shown) show(update);
    return interrupted == 0;
  };
}

}  // namespace snapvit::cli
