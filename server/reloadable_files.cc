#include "server/reloadable_files.h"

namespace snapvit {

absl::Status ReloadableFiles::Reload() {
  absl::MutexLock lock(&reload_mu_);
  return ReloadLocked();
}

void ReloadableFiles::Poll() {
  absl::MutexLock lock(&reload_mu_);
  if (watch_.Changed()) ReloadLocked().IgnoreError();
}

absl::Status ReloadableFiles::ReloadLocked() {
  const absl::Status status = Read();
  if (on_reload_) on_reload_(status);
  return status;
}

}  // namespace snapvit
