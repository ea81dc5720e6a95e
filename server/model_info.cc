#include "server/model_info.h"

#include "server/duration_proto.h"

namespace snapvit {
namespace {

void AddRung(const ServedModel& model, const Rung& rung, v1::ModelInfo& info) {
  v1::Rung* proto = info.add_ladder();
  proto->set_rung(static_cast<uint32_t>(rung.index));
  proto->set_compute(rung.compute);
  proto->set_gflops(rung.gflops);
  proto->mutable_ratios()->set_mlp(rung.mlp_ratio);
  proto->mutable_ratios()->set_heads(rung.head_ratio);
  proto->set_sparsity(rung.sparsity);
  proto->set_fidelity(rung.fidelity.value_or(0));
  proto->set_fidelity_error(rung.fidelity_error.value_or(0));
  proto->set_agreement(rung.agreement.value_or(0));
  for (const MeasuredLatency& cell : model.measured) {
    if (cell.rung != rung.index) continue;
    v1::BatchLatency* latency = proto->add_latency();
    latency->set_batch(static_cast<uint32_t>(cell.batch));
    SetDuration(cell.time, latency->mutable_time());
  }
}

v1::DType ToProto(ExecutionDtype dtype) {
  switch (dtype) {
    case ExecutionDtype::kFloat32:
      return v1::DTYPE_FP32;
    case ExecutionDtype::kBFloat16:
      return v1::DTYPE_BF16;
    case ExecutionDtype::kInt8:
      return v1::DTYPE_INT8;
  }
  return v1::DTYPE_UNSPECIFIED;
}

void Describe(const ServedModel& model, v1::ModelInfo& info) {
  const VitConfig& config = model.config;
  info.set_architecture(config.architecture);
  info.set_parameters(model.parameters);
  info.set_gflops(model.ladder.rung(model.ladder.dense()).gflops);
  for (const int size : {3, config.image_height, config.image_width}) info.add_input_size(size);
  info.set_embedding_dim(config.embed_dim);
  info.set_blocks(config.depth);
  info.set_heads(config.num_heads);
  info.set_hidden(config.mlp_hidden);
  info.set_device(model.device);
  info.set_dtype(ToProto(model.dtype));
  info.set_ordering_id(model.ordering_id);
  info.set_embedding_space_id(model.pooling(EmbeddingKind::kDefault).space_id(config.embed_dim));
  info.set_calibration_source(model.calibration_source);
  info.set_floor_rung(model.floor_rung);
}

}  // namespace

v1::ModelInfo DescribeModel(const std::string& name, const ServingState::Snapshot& now, bool full) {
  v1::ModelInfo info;
  info.set_name(name);
  info.set_state(PhaseName(now.phase));
  if (now.model == nullptr) return info;
  Describe(*now.model, info);
  if (!full) return info;
  for (const std::string& label : now.model->labels.names()) info.add_labels(label);
  for (const Rung& rung : now.model->ladder.rungs()) AddRung(*now.model, rung, info);
  return info;
}

}  // namespace snapvit
