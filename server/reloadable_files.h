// ReloadableFiles: what is read from files that may be written anew while the server runs.
#ifndef SNAPVIT_SERVER_RELOADABLE_FILES_H_
#define SNAPVIT_SERVER_RELOADABLE_FILES_H_

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "server/file_watch.h"

namespace snapvit {

// Thread-safe. Derived classes swap what they hold as a whole, under a lock of their own, or leave
// it as it is and say why.
class ReloadableFiles {
 public:
  virtual ~ReloadableFiles() = default;

  // Called after every attempt to read the files again, one at a time: OK and what they hold has
  // changed, or the error. Must not call Reload(). Set before other threads use this.
  using OnReload = std::function<void(const absl::Status& status)>;
  void SetOnReload(OnReload on_reload) { on_reload_ = std::move(on_reload); }

  // Reads the files again. The error if they cannot be read or understood: what there is stays.
  virtual absl::Status Reload() ABSL_LOCKS_EXCLUDED(reload_mu_);

  // Reload() if the files have changed since the last look; its outcome goes to OnReload alone.
  void Poll() ABSL_LOCKS_EXCLUDED(reload_mu_);

 protected:
  explicit ReloadableFiles(std::vector<std::string> paths) : watch_(std::move(paths)) {}

 private:
  // Reads the files and takes them over, or changes nothing. Called by one thread at a time.
  virtual absl::Status Read() = 0;

  absl::Status ReloadLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(reload_mu_);

  OnReload on_reload_;
  absl::Mutex reload_mu_;  // one reload at a time
  FileWatch watch_ ABSL_GUARDED_BY(reload_mu_);
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_RELOADABLE_FILES_H_
