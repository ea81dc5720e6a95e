#include "server/access_files.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/memory/memory.h"
#include "absl/time/clock.h"
#include "core/base/status_macros.h"

namespace snapvit {
namespace {

constexpr int kFailureLines = 5;  // of the log per window, for callers that were not let in
constexpr absl::Duration kFailureWindow = absl::Seconds(10);

TlsFiles TlsFilesOf(const ServerOptions& options) {
  return {options.tls_cert, options.tls_key, options.tls_client_ca};
}

}  // namespace

AccessFiles::AccessFiles(const ServerOptions* options, Metrics* metrics, const Logger* log)
    : options_(*options),
      metrics_(*metrics),
      log_(*log),
      failures_(Clock::Monotonic(), kFailureLines, kFailureWindow) {}

absl::StatusOr<std::unique_ptr<AccessFiles>> AccessFiles::Create(const ServerOptions* options,
                                                                 Metrics* metrics,
                                                                 const Logger* log) {
  auto access = absl::WrapUnique(new AccessFiles(options, metrics, log));
  TenantDirectory::Options tenants;
  tenants.path = options->tenants;
  ASSIGN_OR_RETURN(access->tenants_, TenantDirectory::Create(std::move(tenants)));
  access->authenticator_ =
      std::make_unique<Authenticator>(access->tenants_.get(), metrics, log, &access->failures_);
  if (!options->tls_cert.empty()) {
    ASSIGN_OR_RETURN(access->tls_, TlsCertificates::Create(TlsFilesOf(*options)));
  }
  return access;
}

void AccessFiles::Follow(Executor* executor) {
  executor_ = executor;
  ApplyTenants();
  tenants_->SetOnReload([this](const absl::Status& status) { OnTenantsReload(status); });
  if (tls_ != nullptr) {
    ApplyCertificate(*tls_->Get());
    tls_->SetOnReload([this](const absl::Status& status) { OnTlsReload(status); });
  }
}

void AccessFiles::ApplyTenants() {
  executor_->SetTenants(tenants_->Shares());
  std::vector<std::string> names;
  bool by_certificate = false;
  const auto table = tenants_->table();
  for (const TenantPtr& tenant : table->tenants()) {
    names.push_back(tenant->policy.name);
    by_certificate |= !tenant->policy.certificates.empty();
  }
  metrics_.SetTenants(names);
  if (by_certificate && options_.tls_client_ca.empty()) {
    log_.Warning(
        "certificates_not_asked_for",
        {{"effect", "no caller can be a tenant by a certificate"}, {"remedy", "--tls-client-ca"}});
  }
}

void AccessFiles::WarnOfOpenDoors() const {
  if (!options_.admin_listen.IsLoopback()) {
    log_.Warning("admin_listener_is_open", {{"address", options_.admin_listen.ToString()},
                                            {"effect", "whoever reaches it operates the server"}});
  }
  // Without a tenants file, a certificate of these authorities is all that lets anybody in.
  const bool open = options_.tenants.empty();
  if (open && options_.tls_client_ca.empty() && !options_.listen.IsLoopback()) {
    log_.Warning("listener_is_open", {{"address", options_.listen.ToString()},
                                      {"effect", "whoever reaches it uses the server"},
                                      {"remedy", "--tenants, or --tls-client-ca"}});
  }
  if (open && options_.tls_client_ca.empty() && !options_.http.IsLoopback()) {
    log_.Warning("listener_is_open", {{"address", options_.http.ToString()},
                                      {"effect", "whoever reaches it uses the server"},
                                      {"remedy", "--tenants, or --http on loopback"}});
  }
  if (!options_.tenants.empty() && tls_ == nullptr && !options_.listen.IsLoopback()) {
    log_.Warning("keys_travel_in_clear",
                 {{"address", options_.listen.ToString()}, {"remedy", "--tls-cert and --tls-key"}});
  }
  if (!options_.tenants.empty() && !options_.http.IsLoopback()) {
    log_.Warning("keys_travel_in_clear",
                 {{"address", options_.http.ToString()},
                  {"remedy", "--http on loopback, a proxy with TLS before it"}});
  }
}

void AccessFiles::OnTenantsReload(const absl::Status& status) {
  metrics_.RecordReload(ConfigFile::kTenants, status.ok());
  if (!status.ok()) {
    return log_.Error("tenants_not_reloaded", {{"reason", std::string(status.message())},
                                               {"effect", "the present tenants stay"}});
  }
  ApplyTenants();
  log_.Info("tenants_reloaded", {{"tenants", tenants_->table()->tenants().size()}});
}

void AccessFiles::OnTlsReload(const absl::Status& status) {
  metrics_.RecordReload(ConfigFile::kTls, status.ok());
  if (!status.ok()) {
    return log_.Error("certificate_not_reloaded", {{"reason", std::string(status.message())},
                                                   {"effect", "the present certificate stays"}});
  }
  const auto identity = tls_->Get();
  log_.Info("certificate_reloaded",
            {{"subject", identity->subject}, {"not_after", absl::FormatTime(identity->not_after)}});
  ApplyCertificate(*identity);
}

void AccessFiles::ApplyCertificate(const TlsIdentity& identity) const {
  metrics_.SetCertificateExpiry(identity.not_after);
  if (identity.not_after > absl::Now()) return;
  log_.Warning("certificate_has_expired", {{"subject", identity.subject},
                                           {"not_after", absl::FormatTime(identity.not_after)},
                                           {"effect", "clients will not connect"}});
}

void AccessFiles::Reload() {
  if (options_.tenants.empty() && tls_ == nullptr) {
    log_.Info("nothing_to_reload", {{"reason", "neither --tenants nor --tls-cert is set"}});
  }
  // Outcomes go where those of changed files go.
  if (!options_.tenants.empty()) tenants_->Reload().IgnoreError();
  if (tls_ != nullptr) tls_->Reload().IgnoreError();
}

void AccessFiles::Poll() {
  tenants_->Poll();
  if (tls_ != nullptr) tls_->Poll();
}

}  // namespace snapvit
