// What tenants are served at present, for metrics and the status of the server.
#ifndef SNAPVIT_SERVER_TENANT_STATUS_H_
#define SNAPVIT_SERVER_TENANT_STATUS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "core/scheduling/tenant_share.h"
#include "server/governor_control.h"
#include "server/served_model.h"
#include "server/tenant_table.h"

namespace snapvit {

struct TenantState {
  std::string name;
  double cap_compute = 1;  // rungs of more are not served to it: by load, or by an operator
  double share = 0;        // of the engine, [0, 1]
  double demand = 0;       // engine time asked for ÷ engine time there is, >= 0
  size_t queued_items = 0;
};

// Of every tenant of the table, by name. `model` is null until there is one. Tenants that the
// policy does not tell apart have their share by weight, and no demand.
std::vector<TenantState> TenantStates(const TenantTable& table,
                                      const TenantGovernances& governances,
                                      const ServedModel* model, const GovernorSettings& governor);

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_TENANT_STATUS_H_
