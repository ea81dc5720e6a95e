#include "server/admin_service.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/error_reason.h"
#include "core/base/status_macros.h"
#include "server/duration_proto.h"
#include "server/model_info.h"
#include "server/tenant_status.h"
#include "server/unary_reply.h"

namespace snapvit {
namespace {

absl::Status CheckShare(const char* field, double value) {
  if (value > 0 && value <= 1) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(field, " is ", value, ", expected compute in (0, 1]"));
}

absl::StatusOr<GovernorSettings> ReadSettings(const v1::SetGovernorRequest& request,
                                              GovernorSettings settings) {
  switch (request.mode_case()) {
    case v1::SetGovernorRequest::kAutomatic:
      if (!request.automatic()) {
        return absl::InvalidArgumentError(
            "automatic is false, expected true, or pin_compute with the rung to serve");
      }
      settings.pin_compute.reset();
      break;
    case v1::SetGovernorRequest::kPinCompute:
      RETURN_IF_ERROR(CheckShare("pin_compute", request.pin_compute()));
      settings.pin_compute = request.pin_compute();
      break;
    case v1::SetGovernorRequest::MODE_NOT_SET:
      break;
  }
  settings.max_compute.reset();
  if (request.max_compute() != 0) {
    RETURN_IF_ERROR(CheckShare("max_compute", request.max_compute()));
    settings.max_compute = request.max_compute();
  }
  return settings;
}

}  // namespace

void AdminService::FillStatus(v1::Status* status) const {
  const ServingState::Snapshot now = context_.state->Get();
  status->set_state(PhaseName(now.phase));
  status->set_progress(now.progress);
  const GaugeValues gauges =
      context_.scheduler_metrics->Gauges(*context_.executor, context_.workers);
  status->set_utilization(gauges.utilization);
  status->set_demand_ratio(gauges.demand_ratio);
  const auto table = context_.tenants->table();
  for (const TenantState& state : TenantStates(*table, context_.executor->Governance(),
                                               now.model.get(), context_.governor->Get())) {
    const TenantItemCounts counts = context_.metrics->ItemCounts(state.name);
    v1::TenantStatus* tenant = status->add_tenants();
    tenant->set_tenant(state.name);
    tenant->set_cap_compute(state.cap_compute);
    tenant->set_share(state.share);
    tenant->set_demand(state.demand);
    tenant->set_queued_items(state.queued_items);
    tenant->set_degraded_items(counts.degraded);
    tenant->set_shed_items(counts.shed);
  }
  *status->add_models() = DescribeModel(context_.state->model_name(), now, /*full=*/false);
}

grpc::ServerUnaryReactor* AdminService::GetStatus(grpc::CallbackServerContext* rpc,
                                                  const v1::GetStatusRequest*,
                                                  v1::Status* response) {
  FillStatus(response);
  grpc::ServerUnaryReactor* reactor = rpc->DefaultReactor();
  FinishUnary(rpc, reactor, absl::OkStatus());
  return reactor;
}

absl::Status AdminService::ChangeGovernor(const v1::SetGovernorRequest& request) const {
  RETURN_IF_ERROR(context_.state->CheckName(request.model()));
  return context_.governor->Update([&](GovernorSettings& settings) {
    ASSIGN_OR_RETURN(settings, ReadSettings(request, settings));
    context_.log->Info("governor_set", {{"pin_compute", settings.pin_compute.value_or(0)},
                                        {"max_compute", settings.max_compute.value_or(0)}});
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* AdminService::SetGovernor(grpc::CallbackServerContext* rpc,
                                                    const v1::SetGovernorRequest* request,
                                                    v1::Status* response) {
  const absl::Status status = ChangeGovernor(*request);
  if (status.ok()) FillStatus(response);
  grpc::ServerUnaryReactor* reactor = rpc->DefaultReactor();
  FinishUnary(rpc, reactor, status);
  return reactor;
}

absl::Status AdminService::CheckReady(const std::string& model) const {
  RETURN_IF_ERROR(context_.state->ModelFor(model).status());
  const Phase phase = context_.state->Get().phase;
  if (phase == Phase::kReady) return absl::OkStatus();
  return WithReason(absl::UnavailableError(absl::StrCat(
                        "the server is ", PhaseName(phase),
                        ": its own ordering takes over first, try again when it is ready")),
                    kReasonStarting, absl::Seconds(5));
}

grpc::ServerUnaryReactor* AdminService::ReloadOrdering(grpc::CallbackServerContext* rpc,
                                                       const v1::ReloadOrderingRequest* request,
                                                       v1::ReloadOrderingResponse* response) {
  grpc::ServerUnaryReactor* reactor = rpc->DefaultReactor();
  if (const absl::Status ready = CheckReady(request->model()); !ready.ok()) {
    FinishUnary(rpc, reactor, ready);
    return reactor;
  }
  // The call, and with it `rpc` and `response`, lives until it is finished, also if it is
  // cancelled.
  context_.reload_ordering(request->path(), [=](const absl::StatusOr<OrderingSwitch>& result) {
    if (result.ok()) {
      response->set_ordering_id(result->ordering_id);
      SetDuration(result->time, response->mutable_switch_time());
    }
    FinishUnary(rpc, reactor, result.status());
  });
  return reactor;
}

grpc::ServerUnaryReactor* AdminService::ReloadTenants(grpc::CallbackServerContext* rpc,
                                                      const v1::ReloadTenantsRequest*,
                                                      v1::ReloadTenantsResponse* response) {
  absl::Status status = context_.tenants->Reload();
  if (status.ok()) {
    response->set_tenants(static_cast<uint32_t>(context_.tenants->table()->tenants().size()));
  } else if (!absl::IsFailedPrecondition(status)) {
    status = absl::InvalidArgumentError(status.message());  // a file that is not there, too
  }
  grpc::ServerUnaryReactor* reactor = rpc->DefaultReactor();
  FinishUnary(rpc, reactor, status);
  return reactor;
}

grpc::ServerUnaryReactor* AdminService::Drain(grpc::CallbackServerContext* rpc,
                                              const v1::DrainRequest* request,
                                              v1::Status* response) {
  const auto drain = [&] {
    absl::Duration grace = context_.drain_grace;
    if (request->has_grace()) {
      const bool now = request->grace().seconds() == 0 && request->grace().nanos() == 0;
      ASSIGN_OR_RETURN(grace, now ? absl::StatusOr<absl::Duration>(absl::ZeroDuration())
                                  : PositiveDuration(request->grace(), "grace"));
    }
    context_.drain(grace);
    FillStatus(response);
    return absl::OkStatus();
  };
  grpc::ServerUnaryReactor* reactor = rpc->DefaultReactor();
  FinishUnary(rpc, reactor, drain());
  return reactor;
}

}  // namespace snapvit
