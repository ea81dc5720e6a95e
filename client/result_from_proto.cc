#include "client/result_from_proto.h"

#include <cstddef>
#include <limits>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/packed_floats.h"
#include "client/rpc_error.h"

namespace snapvit::client {
namespace {

constexpr std::string_view kReasonPrefix = "REASON_";

std::string ReasonName(v1::Reason reason) {
  const std::string& name = v1::Reason_Name(reason);
  if (name.empty()) return absl::StrCat(static_cast<int>(reason));  // of a newer server
  return name.substr(kReasonPrefix.size());
}

// Number of elements of a shape; nothing if it is senseless or larger than any message.
std::optional<size_t> Elements(const google::protobuf::RepeatedField<int64_t>& shape) {
  size_t elements = 1;
  if (shape.empty()) return std::nullopt;
  for (const int64_t size : shape) {
    if (size < 1 || elements > std::numeric_limits<int32_t>::max() / static_cast<size_t>(size)) {
      return std::nullopt;
    }
    elements *= static_cast<size_t>(size);
  }
  return elements;
}

}  // namespace

absl::Duration FromProto(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

google::protobuf::Duration ToProto(absl::Duration duration) {
  google::protobuf::Duration proto;
  absl::Duration rest;
  proto.set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &rest));
  proto.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(rest)));
  return proto;
}

Receipt FromProto(const v1::Receipt& receipt) {
  Receipt result;
  result.model = receipt.model();
  result.ordering_id = receipt.ordering_id();
  result.embedding_space_id = receipt.embedding_space_id();
  result.rung = receipt.rung();
  result.requested_compute = receipt.requested_compute();
  result.served_compute = receipt.served_compute();
  result.floor_compute = receipt.floor_compute();
  result.gflops = receipt.gflops();
  result.mlp_ratio = receipt.ratios().mlp();
  result.head_ratio = receipt.ratios().heads();
  if (receipt.estimated_fidelity() > 0) result.estimated_fidelity = receipt.estimated_fidelity();
  result.reason = ReasonName(receipt.reason());
  result.queue_time = FromProto(receipt.queue_time());
  result.decode_time = FromProto(receipt.decode_time());
  result.compute_time = FromProto(receipt.compute_time());
  result.batch_size = receipt.batch_size();
  return result;
}

absl::StatusOr<Embedding> FromProto(const v1::Embedding& embedding) {
  Embedding result;
  if (embedding.dtype() == v1::DTYPE_FP32) {
    result.values.assign(embedding.values().begin(), embedding.values().end());
  } else {
    absl::StatusOr<std::vector<float>> values =
        UnpackFloats(embedding.dtype(), embedding.packed(), embedding.scale());
    if (!values.ok()) return values.status();
    result.values = *std::move(values);
  }
  const std::optional<size_t> elements = Elements(embedding.shape());
  if (elements != result.values.size()) {
    return absl::InternalError(absl::StrCat("the server sent an embedding of ",
                                            result.values.size(), " elements whose shape is [",
                                            absl::StrJoin(embedding.shape(), ", "), "]"));
  }
  result.shape.assign(embedding.shape().begin(), embedding.shape().end());
  return result;
}

EmbedResult FromProto(const v1::EmbedItem& item) {
  EmbedResult result;
  if (item.has_receipt()) result.receipt = FromProto(item.receipt());
  if (item.has_embedding()) {
    result.embedding = FromProto(item.embedding());
  } else {
    result.embedding = FromRpcStatus(item.error());
  }
  return result;
}

ClassifyResult FromProto(const v1::ClassifyItem& item) {
  ClassifyResult result;
  if (item.has_receipt()) result.receipt = FromProto(item.receipt());
  if (!item.has_labels()) {
    result.labels = FromRpcStatus(item.error());
    return result;
  }
  std::vector<Label> labels;
  for (const v1::Label& label : item.labels().labels()) {
    labels.push_back(Label{label.index(), label.label(), label.score()});
  }
  result.labels = std::move(labels);
  return result;
}

}  // namespace snapvit::client
