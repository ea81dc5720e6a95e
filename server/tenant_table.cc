#include "server/tenant_table.h"

#include <openssl/crypto.h>

#include <algorithm>

#include "absl/status/status.h"

namespace snapvit {

TenantPtr TenantTable::FindByKeyHash(std::string_view hash) const {
  const TenantPtr* found = nullptr;
  for (const TenantPtr& tenant : tenants_) {
    for (const std::string& known : tenant->policy.key_hashes) {
      const bool same =
          known.size() == hash.size() && CRYPTO_memcmp(known.data(), hash.data(), hash.size()) == 0;
      if (same) found = &tenant;
    }
  }
  return found == nullptr ? nullptr : *found;
}

absl::StatusOr<TenantPtr> TenantTable::FindByCertificate(std::span<const std::string> names) const {
  TenantPtr found;
  for (const TenantPtr& tenant : tenants_) {
    const std::vector<std::string>& known = tenant->policy.certificates;
    const bool named =
        std::find_first_of(known.begin(), known.end(), names.begin(), names.end()) != known.end();
    if (!named) continue;
    if (found != nullptr) {
      return absl::PermissionDeniedError(
          "the client certificate has names of more than one tenant, expected those of one");
    }
    found = tenant;
  }
  return found;
}

}  // namespace snapvit
