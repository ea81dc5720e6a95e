// GovernorControl: what an operator has made of the choice of rungs (Admin.SetGovernor).
#ifndef SNAPVIT_SERVER_GOVERNOR_CONTROL_H_
#define SNAPVIT_SERVER_GOVERNOR_CONTROL_H_

#include <functional>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"

namespace snapvit {

struct GovernorSettings {
  // Everybody is served the largest rung of at most this compute, as far as floors allow; nothing:
  // rungs follow budgets, load and deadlines.
  std::optional<double> pin_compute;
  std::optional<double> max_compute;  // nobody gets more; nothing: no limit
};

// Thread-safe. Requests see the settings of their arrival.
class GovernorControl {
 public:
  GovernorSettings Get() const ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    return settings_;
  }
  // Applies `change`, which may fail and then must change nothing.
  absl::Status Update(const std::function<absl::Status(GovernorSettings&)>& change)
      ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    return change(settings_);
  }

 private:
  mutable absl::Mutex mu_;
  GovernorSettings settings_ ABSL_GUARDED_BY(mu_);
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_GOVERNOR_CONTROL_H_
