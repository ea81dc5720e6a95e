#include "server/request_log.h"

#include <string>

#include "server/rpc_code.h"
#include "server/rpc_status.h"

namespace snapvit {
namespace {

LogFields FieldsOf(const RequestRecord& request) {
  LogFields fields = {{"method", request.method},
                      {"tenant", request.tenant},
                      {"id", request.id},
                      {"images", request.images},
                      {"duration_ms", absl::ToDoubleMilliseconds(request.duration)}};
  AddTraceFields(request.trace, fields);
  return fields;
}

// Its share of the budget and of the time.
void AddSlowest(const RequestRecord& request, LogFields& fields) {
  if (request.requested_compute.has_value()) {
    fields.emplace_back("requested_compute", *request.requested_compute);
  }
  if (!request.slowest.has_value()) return;
  const RequestRecord::Image& image = *request.slowest;
  if (image.served_compute.has_value()) {
    fields.emplace_back("served_compute", *image.served_compute);
  }
  fields.emplace_back("queue_ms", absl::ToDoubleMilliseconds(image.queue_time));
  fields.emplace_back("decode_ms", absl::ToDoubleMilliseconds(image.decode_time));
  fields.emplace_back("compute_ms", absl::ToDoubleMilliseconds(image.compute_time));
  fields.emplace_back("batch_size", image.batch_size);
}

}  // namespace

void RequestLog::Record(const RequestRecord& request) {
  RecordEnd(request);
  if (request.duration > slow_) RecordSlow(request);
}

void RequestLog::RecordEnd(const RequestRecord& request) {
  const bool debug = log_.Enabled(LogLevel::kDebug);
  if (request.status.ok()) {
    if (debug) log_.Debug("request_done", FieldsOf(request));
    return;
  }
  const RpcError error = ToRpcError(request.status);
  const bool servers_fault = error.status.error_code() == grpc::StatusCode::INTERNAL;
  if (!servers_fault && !debug) return;
  LogFields fields = FieldsOf(request);
  fields.emplace_back("code", RpcCodeName(error.status.error_code()));
  fields.emplace_back("reason", error.reason);
  fields.emplace_back("message", error.status.error_message());
  if (!servers_fault) return log_.Debug("request_failed", fields);
  if (const auto suppressed = failures_.Admit()) {
    fields.emplace_back("suppressed", *suppressed);
    log_.Error("request_failed", fields);
  }
}

void RequestLog::RecordSlow(const RequestRecord& request) {
  const auto suppressed = slow_requests_.Admit();
  if (!suppressed.has_value()) return;
  LogFields fields = FieldsOf(request);
  AddSlowest(request, fields);
  if (request.status.ok()) {
    fields.emplace_back("code", "OK");
    if (request.slowest.has_value()) fields.emplace_back("reason", request.slowest->reason);
  } else {
    const RpcError error = ToRpcError(request.status);
    fields.emplace_back("code", RpcCodeName(error.status.error_code()));
    fields.emplace_back("reason", error.reason);
  }
  fields.emplace_back("suppressed", *suppressed);
  log_.Warning("request_slow", fields);
}

}  // namespace snapvit
