// TenantDirectory: the tenants that are in force, and the file that they come from.
#ifndef SNAPVIT_SERVER_TENANT_DIRECTORY_H_
#define SNAPVIT_SERVER_TENANT_DIRECTORY_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "core/base/clock.h"
#include "core/scheduling/tenant_share.h"
#include "server/file_watch.h"
#include "server/tenant_table.h"

namespace snapvit {

// Thread-safe. A reload swaps the whole table or, if the file is not understood, changes nothing. A
// tenant is known by its name: over reloads it keeps its index and what it has used. Indices of
// tenants that are gone are not given away again.
class TenantDirectory {
 public:
  struct Options {
    std::string path;                         // of the tenants file; empty: one open tenant
    const Clock* clock = Clock::Monotonic();  // of rate limits; borrowed
  };

  // Reads the file. Errors as ParseTenants(), and those of reading the file.
  static absl::StatusOr<std::unique_ptr<TenantDirectory>> Create(Options options);

  std::shared_ptr<const TenantTable> table() const ABSL_LOCKS_EXCLUDED(mu_);

  // Weights by index, for the scheduler.
  std::vector<TenantShare> Shares() const ABSL_LOCKS_EXCLUDED(mu_);

  // Called after every attempt to read the file again, one at a time: OK and the table has changed,
  // or the error. Must not call Reload(). Set before other threads use this.
  using OnReload = std::function<void(const absl::Status& status)>;
  void SetOnReload(OnReload on_reload) { on_reload_ = std::move(on_reload); }

  // Reads the file again. The error if it cannot be read or understood: the present tenants stay.
  // FAILED_PRECONDITION without a file.
  absl::Status Reload() ABSL_LOCKS_EXCLUDED(reload_mu_, mu_);

  // Reload() if the file has changed since the last look; its outcome goes to OnReload alone.
  void Poll() ABSL_LOCKS_EXCLUDED(reload_mu_, mu_);

 private:
  explicit TenantDirectory(Options options);

  absl::Status ReadFileLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(reload_mu_) ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status ReloadLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(reload_mu_) ABSL_LOCKS_EXCLUDED(mu_);
  void Install(std::vector<TenantPolicy> policies, bool open)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(reload_mu_) ABSL_LOCKS_EXCLUDED(mu_);

  struct Known {
    int index = 0;
    std::shared_ptr<TenantMeter> meter;
  };

  const Options options_;
  OnReload on_reload_;

  absl::Mutex reload_mu_ ABSL_ACQUIRED_BEFORE(mu_);  // one reload at a time
  FileWatch watch_ ABSL_GUARDED_BY(reload_mu_);
  std::map<std::string, Known> known_ ABSL_GUARDED_BY(reload_mu_);  // every name there ever was

  mutable absl::Mutex mu_;
  std::shared_ptr<const TenantTable> table_ ABSL_GUARDED_BY(mu_);
  size_t indices_ ABSL_GUARDED_BY(mu_) = 0;  // size of known_
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_TENANT_DIRECTORY_H_
