#include "server/tenant_directory.h"

#include <utility>

#include "absl/memory/memory.h"
#include "core/base/file.h"
#include "core/base/status_macros.h"
#include "server/tenant_file.h"

namespace snapvit {
namespace {

constexpr size_t kMostBytes = size_t{4} << 20;

}  // namespace

TenantDirectory::TenantDirectory(Options options)
    : ReloadableFiles(options.path.empty() ? std::vector<std::string>()
                                           : std::vector<std::string>{options.path}),
      options_(std::move(options)) {}

absl::StatusOr<std::unique_ptr<TenantDirectory>> TenantDirectory::Create(Options options) {
  auto directory = absl::WrapUnique(new TenantDirectory(std::move(options)));
  if (directory->options_.path.empty()) {
    TenantPolicy open;
    open.name = kOpenTenant;
    directory->Install({open}, /*open=*/true);
  } else {
    RETURN_IF_ERROR(directory->Read());
  }
  return directory;
}

std::shared_ptr<const TenantTable> TenantDirectory::table() const {
  absl::MutexLock lock(&mu_);
  return table_;
}

std::vector<TenantShare> TenantDirectory::Shares() const {
  absl::MutexLock lock(&mu_);
  std::vector<TenantShare> shares(known_.size());
  for (const TenantPtr& tenant : table_->tenants()) {
    shares[tenant->index] = {tenant->policy.weight, tenant->policy.priority};
  }
  return shares;
}

absl::Status TenantDirectory::Reload() {
  if (options_.path.empty()) {
    return absl::FailedPreconditionError(
        "the server was started without a tenants file (--tenants)");
  }
  return ReloadableFiles::Reload();
}

absl::Status TenantDirectory::Read() {
  ASSIGN_OR_RETURN(const std::string content, ReadFile(options_.path, kMostBytes));
  ASSIGN_OR_RETURN(std::vector<TenantPolicy> policies, ParseTenants(content, options_.path));
  Install(std::move(policies), /*open=*/false);
  return absl::OkStatus();
}

void TenantDirectory::Install(std::vector<TenantPolicy> policies, bool open) {
  absl::MutexLock lock(&mu_);
  std::vector<TenantPtr> tenants;
  for (TenantPolicy& policy : policies) {
    const auto [known, is_new] = known_.try_emplace(policy.name);
    if (is_new) {
      known->second = {static_cast<int>(known_.size()) - 1, TenantMeter::Create(options_.clock)};
    }
    auto tenant = std::make_shared<Tenant>();
    tenant->index = known->second.index;
    tenant->meter = known->second.meter;
    tenant->policy = std::move(policy);
    tenants.push_back(std::move(tenant));
  }
  table_ = std::make_shared<const TenantTable>(std::move(tenants), open);
}

}  // namespace snapvit
