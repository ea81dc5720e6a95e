// AdminService: snapvit.v1.Admin over gRPC's callback API. It asks nobody who they are: it belongs
// on a listener that operators alone can reach.
#ifndef SNAPVIT_SERVER_ADMIN_SERVICE_H_
#define SNAPVIT_SERVER_ADMIN_SERVICE_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/scheduling/executor.h"
#include "server/governor_control.h"
#include "server/log.h"
#include "server/metrics.h"
#include "server/ordering_switch.h"
#include "server/scheduler_metrics.h"
#include "server/serving_state.h"
#include "server/tenant_directory.h"
#include "snapvit/v1/admin.grpc.pb.h"

namespace snapvit {

// What the service works on. Pointers are borrowed and outlive it.
struct AdminContext {
  const ServingState* state = nullptr;
  const Executor* executor = nullptr;
  const SchedulerMetrics* scheduler_metrics = nullptr;
  const Metrics* metrics = nullptr;
  TenantDirectory* tenants = nullptr;
  GovernorControl* governor = nullptr;
  const Logger* log = nullptr;
  int workers = 1;
  absl::Duration drain_grace;  // of calls that name none

  // Serves by the ordering in `path` (empty: looked up as at start) from now on; calls `done` once,
  // on any thread. NOT_FOUND, FAILED_PRECONDITION: the present one stays.
  std::function<void(const std::string& path, OrderingDone done)> reload_ordering;
  // Takes no more requests; returns at once. May be called again.
  std::function<void(absl::Duration grace)> drain;
};

// Thread-safe. Outlives the gRPC server that it is registered with.
class AdminService final : public v1::Admin::CallbackService {
 public:
  explicit AdminService(AdminContext context) : context_(std::move(context)) {}

  grpc::ServerUnaryReactor* GetStatus(grpc::CallbackServerContext* rpc,
                                      const v1::GetStatusRequest* request,
                                      v1::Status* response) override;
  grpc::ServerUnaryReactor* SetGovernor(grpc::CallbackServerContext* rpc,
                                        const v1::SetGovernorRequest* request,
                                        v1::Status* response) override;
  grpc::ServerUnaryReactor* ReloadOrdering(grpc::CallbackServerContext* rpc,
                                           const v1::ReloadOrderingRequest* request,
                                           v1::ReloadOrderingResponse* response) override;
  grpc::ServerUnaryReactor* ReloadTenants(grpc::CallbackServerContext* rpc,
                                          const v1::ReloadTenantsRequest* request,
                                          v1::ReloadTenantsResponse* response) override;
  grpc::ServerUnaryReactor* Drain(grpc::CallbackServerContext* rpc, const v1::DrainRequest* request,
                                  v1::Status* response) override;

 private:
  void FillStatus(v1::Status* status) const;
  absl::Status ChangeGovernor(const v1::SetGovernorRequest& request) const;
  // Whether an ordering can take over now.
  absl::Status CheckReady(const std::string& model) const;

  const AdminContext context_;
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_ADMIN_SERVICE_H_
