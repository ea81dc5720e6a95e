// TenantTable: all tenants at one moment, and who of them a caller is.
#ifndef SNAPVIT_SERVER_TENANT_TABLE_H_
#define SNAPVIT_SERVER_TENANT_TABLE_H_

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "server/tenant_meter.h"
#include "server/tenant_policy.h"

namespace snapvit {

// Who everybody is without a tenants file.
inline constexpr char kOpenTenant[] = "default";

// A request keeps the one that it was admitted with.
struct Tenant {
  TenantPolicy policy;
  int index = 0;                       // TaskSpec::tenant; the same for a name in every table
  std::shared_ptr<TenantMeter> meter;  // likewise
};
using TenantPtr = std::shared_ptr<const Tenant>;

// Immutable.
class TenantTable {
 public:
  // `open`: everybody is the first tenant. REQUIRES: an open table has one tenant.
  TenantTable(std::vector<TenantPtr> tenants, bool open)
      : tenants_(std::move(tenants)), open_(open) {}

  bool open() const { return open_; }
  std::span<const TenantPtr> tenants() const { return tenants_; }

  // The tenant with this key, of which `hash` is the SHA-256 in lower-case hexadecimal digits; null
  // if there is none. Takes the same time wherever and whether it is found.
  TenantPtr FindByKeyHash(std::string_view hash) const;

  // The tenant whose certificate has these names; null if no name is known. PERMISSION_DENIED if
  // they are names of several tenants.
  absl::StatusOr<TenantPtr> FindByCertificate(std::span<const std::string> names) const;

 private:
  const std::vector<TenantPtr> tenants_;
  const bool open_;
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_TENANT_TABLE_H_
