// The tenants file.
#include <string>

#include "server/tenant_file.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto tenants = snapvit::ParseTenants(std::string(snapvit::AsText(data, size)), "file");
  if (!tenants.ok()) return 0;
  for (const snapvit::TenantPolicy& tenant : *tenants) CHECK_THAT(!tenant.name.empty());
  return 0;
}
