#include "core/base/progress.h"

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_format.h"

namespace snapvit {
namespace {

constexpr int kBarWidth = 30;

class ProgressBar {
 public:
  explicit ProgressBar(std::string title)
      : title_(std::move(title)), terminal_(isatty(STDERR_FILENO) == 1) {}

  void Show(const ProgressUpdate& update) {
    const auto now = std::chrono::steady_clock::now();
    const bool last = update.fraction >= 1;
    if (finished_) return;
    if (!first_fraction_.has_value()) {
      first_fraction_ = update.fraction;
      start_ = now;
    }
    if (terminal_) {
      if (!last && now - shown_ < std::chrono::milliseconds(100)) return;
      shown_ = now;
      const int filled = static_cast<int>(update.fraction * kBarWidth);
      std::fputs(absl::StrFormat("\r%s [%s%s] %3.0f%% %s%s\033[K%s", title_,
                                 std::string(filled, '#'), std::string(kBarWidth - filled, '.'),
                                 100 * update.fraction, std::string(update.stage),
                                 TimeLeft(update.fraction, now), last ? "\n" : "")
                     .c_str(),
                 stderr);
    } else {
      const int tenth = static_cast<int>(update.fraction * 10);
      if (tenth == tenth_ && !last) return;
      tenth_ = tenth;
      std::fputs(absl::StrFormat("%s: %.0f%% %s%s\n", title_, 100 * update.fraction,
                                 std::string(update.stage), TimeLeft(update.fraction, now))
                     .c_str(),
                 stderr);
    }
    finished_ = last;
  }

 private:
  // By the rate since the first update: a job that resumes has not done the part before it now.
  std::string TimeLeft(double fraction, std::chrono::steady_clock::time_point now) const {
    const double elapsed = std::chrono::duration<double>(now - start_).count();
    const double done = fraction - *first_fraction_;
    if (done < 0.02 || fraction >= 1) return "";
    return absl::StrFormat(", %.0f s left", elapsed * (1 - fraction) / done);
  }

  const std::string title_;
  const bool terminal_;
  std::optional<double> first_fraction_;
  std::chrono::steady_clock::time_point start_{};  // of the first update
  std::chrono::steady_clock::time_point shown_{};
  int tenth_ = -1;
  bool finished_ = false;
};

}  // namespace

ProgressFn PartOf(const ProgressFn& progress, double begin, double end) {
  if (!progress) return nullptr;
  return [progress, begin, end](const ProgressUpdate& update) {
    return progress({update.stage, begin + update.fraction * (end - begin)});
  };
}

ProgressFn TerminalProgress(std::string title) {
  auto bar = std::make_shared<ProgressBar>(std::move(title));
  return [bar](const ProgressUpdate& update) {
    bar->Show(update);
    return true;
  };
}

}  // namespace snapvit
