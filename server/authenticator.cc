#include "server/authenticator.h"

#include "core/base/status_macros.h"

namespace snapvit {
namespace {

absl::StatusOr<TenantPtr> FindByKey(const TenantTable& table, const Caller& caller) {
  if (caller.bad_authorization) {
    return absl::UnauthenticatedError(
        "the authorization of the call is not understood, expected one 'Bearer KEY'");
  }
  TenantPtr tenant = table.FindByKeyHash(*caller.key_hash);
  if (tenant == nullptr) {
    return absl::UnauthenticatedError(
        "the key of the call is not known here, expected the key of a tenant");
  }
  return tenant;
}

}  // namespace

absl::StatusOr<TenantPtr> FindTenant(const TenantTable& table, const Caller& caller) {
  if (table.open()) return table.tenants().front();
  TenantPtr by_certificate;
  if (caller.certificate_names.has_value()) {
    ASSIGN_OR_RETURN(by_certificate, table.FindByCertificate(*caller.certificate_names));
  }
  if (caller.key_hash.has_value() || caller.bad_authorization) {
    ASSIGN_OR_RETURN(TenantPtr by_key, FindByKey(table, caller));
    if (by_certificate != nullptr && by_certificate != by_key) {
      return absl::PermissionDeniedError(
          "the key and the client certificate belong to different tenants, expected one");
    }
    return by_key;
  }
  if (by_certificate != nullptr) return by_certificate;
  if (caller.certificate_names.has_value()) {
    return absl::PermissionDeniedError(
        "the client certificate has the name of no tenant, expected one that the tenants file "
        "names, or a key");
  }
  return absl::UnauthenticatedError(
      "the call says not who it is from, expected the metadata 'authorization: Bearer KEY' or a "
      "client certificate");
}

absl::StatusOr<TenantPtr> Authenticator::Authenticate(const Caller& caller) const {
  absl::StatusOr<TenantPtr> tenant = FindTenant(*directory_.table(), caller);
  if (tenant.ok()) return tenant;
  metrics_.RecordRefusal(absl::IsPermissionDenied(tenant.status()) ? Refusal::kPermissionDenied
                                                                   : Refusal::kUnauthenticated);
  if (const auto suppressed = limiter_.Admit()) {
    LogFields fields = {{"peer", caller.peer},
                        {"reason", std::string(tenant.status().message())},
                        {"suppressed", *suppressed}};
    AddTraceFields(caller.trace, fields);
    log_.Warning("authentication_failed", fields);
  }
  return tenant;
}

}  // namespace snapvit
