// The tenants file (--tenants FILE.yaml), described in docs/tenants.md.
#ifndef SNAPVIT_SERVER_TENANT_FILE_H_
#define SNAPVIT_SERVER_TENANT_FILE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/tenant_policy.h"

namespace snapvit {

// The tenants of a file's `content`, in its order. INVALID_ARGUMENT "path:line: …", with what was
// expected, for everything that is not understood: unknown or repeated settings, values out of
// range, keys that are not hashed (which are not repeated), keys and certificate names of two
// tenants, tenants that nobody can be.
absl::StatusOr<std::vector<TenantPolicy>> ParseTenants(const std::string& content,
                                                       const std::string& path);

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_TENANT_FILE_H_
