// AccessFiles: who may call and under which name, kept up to date with the files that say so:
// tenants and certificates.
#ifndef SNAPVIT_SERVER_ACCESS_FILES_H_
#define SNAPVIT_SERVER_ACCESS_FILES_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/clock.h"
#include "core/scheduling/executor.h"
#include "server/authenticator.h"
#include "server/log.h"
#include "server/log_limiter.h"
#include "server/metrics.h"
#include "server/options.h"
#include "server/tenant_directory.h"
#include "server/tls_certificates.h"

namespace snapvit {

// Thread-safe after Follow().
class AccessFiles {
 public:
  // Reads the files that the options name, with their errors. All is borrowed.
  static absl::StatusOr<std::unique_ptr<AccessFiles>> Create(const ServerOptions* options,
                                                             Metrics* metrics, const Logger* log);

  // From now on the executor (borrowed) and the metrics know the tenants, after every reload anew.
  void Follow(Executor* executor);
  // Says in the log where the options leave a door open.
  void WarnOfOpenDoors() const;

  // Reads all of them again. Outcomes go to log and metrics, as those of Poll().
  void Reload();
  // Reads again what has changed.
  void Poll();

  TenantDirectory* tenants() const { return tenants_.get(); }
  Authenticator* authenticator() const { return authenticator_.get(); }
  TlsCertificates* tls() const { return tls_.get(); }  // null: no TLS

 private:
  AccessFiles(const ServerOptions* options, Metrics* metrics, const Logger* log);

  void OnTenantsReload(const absl::Status& status);
  void OnTlsReload(const absl::Status& status);
  void ApplyTenants();
  void ApplyCertificate(const TlsIdentity& identity) const;

  const ServerOptions& options_;
  Metrics& metrics_;
  const Logger& log_;
  LogLimiter failures_;  // of authentication
  Executor* executor_ = nullptr;
  std::unique_ptr<TenantDirectory> tenants_;
  std::unique_ptr<Authenticator> authenticator_;
  std::unique_ptr<TlsCertificates> tls_;
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_ACCESS_FILES_H_
