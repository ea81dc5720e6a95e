#include "client/cli/bench_outcome.h"

#include <grpcpp/impl/codegen/proto_utils.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "client/rpc_error.h"
#include "core/base/error_reason.h"
#include "snapvit/v1/inference.pb.h"

namespace snapvit::cli {
namespace {

constexpr std::string_view kShedReasons[] = {kReasonQueueFull, kReasonRateLimit, kReasonConcurrency,
                                             kReasonDeadlineUnmeetable, kReasonExpired};

RequestOutcome Failure(const absl::Status& error) {
  RequestOutcome outcome;
  const std::optional<std::string> reason = client::ErrorReason(error);
  const bool shed =
      reason.has_value() && std::find(std::begin(kShedReasons), std::end(kShedReasons), *reason) !=
                                std::end(kShedReasons);
  outcome.kind = shed ? RequestOutcome::Kind::kShed : RequestOutcome::Kind::kFailed;
  outcome.error = absl::StatusCodeToString(error.code());
  if (reason.has_value()) absl::StrAppend(&outcome.error, "/", *reason);
  return outcome;
}

bool IsDegraded(v1::Reason reason) {
  return reason == v1::REASON_LOAD || reason == v1::REASON_DEADLINE ||
         reason == v1::REASON_TENANT_LIMIT || reason == v1::REASON_ADMIN_LIMIT;
}

template <typename Response>
RequestOutcome ReadReply(int images, const grpc::ByteBuffer& reply) {
  Response response;
  grpc::ByteBuffer bytes = reply;  // shares the slices
  const grpc::Status parsed = grpc::SerializationTraits<Response>::Deserialize(&bytes, &response);
  if (!parsed.ok()) return Failure(absl::InternalError("the reply cannot be parsed"));
  if (response.items_size() != images) {
    return Failure(
        absl::InternalError(absl::StrCat(response.items_size(), " items for ", images, " images")));
  }
  RequestOutcome outcome;
  outcome.images = images;
  outcome.served_compute = 0;
  double fidelity = 0;
  bool measured = true;
  for (const auto& item : response.items()) {
    if (item.has_error()) return Failure(client::FromRpcStatus(item.error()));
    const v1::Receipt& receipt = item.receipt();
    outcome.degraded |= IsDegraded(receipt.reason());
    outcome.served_compute += receipt.served_compute() / images;
    fidelity += receipt.estimated_fidelity() / images;
    measured &= receipt.estimated_fidelity() > 0;
  }
  if (measured) outcome.fidelity = fidelity;
  return outcome;
}

}  // namespace

RequestOutcome ReadOutcome(BenchMethod method, int images, const grpc::Status& status,
                           const grpc::ByteBuffer& reply) {
  if (!status.ok()) return Failure(client::FromRpcStatus(status));
  return method == BenchMethod::kEmbed ? ReadReply<v1::EmbedResponse>(images, reply)
                                       : ReadReply<v1::ClassifyResponse>(images, reply);
}

}  // namespace snapvit::cli
