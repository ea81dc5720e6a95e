// TenantDirectory: the tenants that are in force, and the file that they come from.
#ifndef SNAPVIT_SERVER_TENANT_DIRECTORY_H_
#define SNAPVIT_SERVER_TENANT_DIRECTORY_H_

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
#include "server/reloadable_files.h"
#include "server/tenant_table.h"

namespace snapvit {

// Thread-safe. A reload swaps the whole table or, if the file is not understood, changes nothing. A
// tenant is known by its name: over reloads it keeps its index and what it has used. Indices of
// tenants that are gone are not given away again.
class TenantDirectory final : public ReloadableFiles {
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

  // FAILED_PRECONDITION without a file.
  absl::Status Reload() override ABSL_LOCKS_EXCLUDED(mu_);

 private:
  explicit TenantDirectory(Options options);

  absl::Status Read() override ABSL_LOCKS_EXCLUDED(mu_);
  void Install(std::vector<TenantPolicy> policies, bool open) ABSL_LOCKS_EXCLUDED(mu_);

  struct Known {
    int index = 0;
    std::shared_ptr<TenantMeter> meter;
  };

  const Options options_;

  mutable absl::Mutex mu_;
  std::map<std::string, Known> known_ ABSL_GUARDED_BY(mu_);  // every name there ever was
  std::shared_ptr<const TenantTable> table_ ABSL_GUARDED_BY(mu_);
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_TENANT_DIRECTORY_H_
