// The document that GET /status.json answers and the status page draws.
#ifndef SNAPVIT_SERVER_STATUS_JSON_H_
#define SNAPVIT_SERVER_STATUS_JSON_H_

#include <string>

#include "core/scheduling/executor.h"
#include "server/governor_control.h"
#include "server/metrics.h"
#include "server/scheduler_metrics.h"
#include "server/serving_state.h"
#include "server/tenant_directory.h"

namespace snapvit {

// Borrowed; they outlive the listener that answers with them.
struct StatusSources {
  const ServingState* state = nullptr;
  const Executor* executor = nullptr;
  const SchedulerMetrics* scheduler_metrics = nullptr;
  const Metrics* metrics = nullptr;
  const TenantDirectory* tenants = nullptr;
  const GovernorControl* governor = nullptr;
  int workers = 1;
  std::string version;
};

// What docs/observability.md describes; in every state of the server. Valid UTF-8 whatever names
// are made of: bytes that are not become U+FFFD.
std::string StatusJson(const StatusSources& sources);

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_STATUS_JSON_H_
