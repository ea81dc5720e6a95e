// Authenticator: from a caller to its tenant.
#ifndef SNAPVIT_SERVER_AUTHENTICATOR_H_
#define SNAPVIT_SERVER_AUTHENTICATOR_H_

#include "absl/status/statusor.h"
#include "server/caller.h"
#include "server/log.h"
#include "server/log_limiter.h"
#include "server/metrics.h"
#include "server/tenant_directory.h"
#include "server/tenant_table.h"

namespace snapvit {

// Who the caller is in this table. In an open one it is the one tenant, whatever it sends. Else a
// key decides, and a certificate may not contradict it; a wrong key is not made good by a
// certificate. UNAUTHENTICATED: no proof, or a wrong one. PERMISSION_DENIED: the proof is good, but
// of no tenant, or of several. Messages repeat nothing that the caller has sent.
absl::StatusOr<TenantPtr> FindTenant(const TenantTable& table, const Caller& caller);

// FindTenant() in the present table, with failures in log and metrics. Thread-safe.
class Authenticator {
 public:
  // All are borrowed.
  Authenticator(const TenantDirectory* directory, Metrics* metrics, const Logger* log,
                LogLimiter* limiter)
      : directory_(*directory), metrics_(*metrics), log_(*log), limiter_(*limiter) {}

  absl::StatusOr<TenantPtr> Authenticate(const Caller& caller) const;

 private:
  const TenantDirectory& directory_;
  Metrics& metrics_;
  const Logger& log_;
  LogLimiter& limiter_;
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_AUTHENTICATOR_H_
