#include "client/cli/model_description.h"

#include <algorithm>

#include "core/engine/engine.h"

namespace snapvit::cli {
namespace {

// A proto's 0 stands for "not measured".
std::optional<double> UnlessZero(double value) {
  if (value == 0) return std::nullopt;
  return value;
}

RungDescription Describe(const v1::Rung& rung) {
  RungDescription result;
  result.rung = static_cast<int>(rung.rung());
  result.compute = rung.compute();
  result.gflops = rung.gflops();
  result.mlp_ratio = rung.ratios().mlp();
  result.head_ratio = rung.ratios().heads();
  result.sparsity = rung.sparsity();
  result.fidelity = UnlessZero(rung.fidelity());
  if (result.fidelity.has_value()) result.fidelity_error = rung.fidelity_error();
  result.agreement = UnlessZero(rung.agreement());
  return result;
}

RungDescription Describe(const Rung& rung) {
  return {rung.index,      rung.compute,  rung.gflops,          rung.mlp_ratio,
          rung.head_ratio, rung.sparsity, rung.fidelity,        rung.fidelity_error,
          rung.agreement,  rung.overlap,  rung.correction_share};
}

}  // namespace

ModelDescription Describe(const ElasticModel& model) {
  const VitConfig& config = model.config();
  ModelDescription result;
  result.name = model.name();
  result.architecture = config.architecture;
  result.parameters = model.parameters();
  result.gflops = model.cost().dense_flops() * 1e-9;
  result.input_size = {3, config.image_height, config.image_width};
  result.embedding_dim = config.embed_dim;
  result.classes = config.num_classes;
  result.blocks = config.depth;
  result.heads = config.num_heads;
  result.hidden = config.mlp_hidden;
  result.ordering_id = model.ordering_id();
  result.embedding_space_id =
      model.EmbeddingSpace(EmbeddingKindName(EmbeddingKind::kDefault), config.embed_dim);
  if (model.ordering() != nullptr) result.calibration_source = model.ordering()->calibration_source;
  for (const Rung& rung : model.ladder().rungs()) result.ladder.push_back(Describe(rung));
  return result;
}

ModelDescription Describe(const v1::ModelInfo& info) {
  ModelDescription result;
  result.name = info.name();
  result.architecture = info.architecture();
  result.parameters = info.parameters();
  result.gflops = info.gflops();
  const int sides =
      std::min<int>(info.input_size_size(), static_cast<int>(result.input_size.size()));
  std::copy_n(info.input_size().begin(), sides, result.input_size.begin());
  result.embedding_dim = static_cast<int>(info.embedding_dim());
  result.classes = info.labels_size();
  result.blocks = static_cast<int>(info.blocks());
  result.heads = static_cast<int>(info.heads());
  result.hidden = static_cast<int>(info.hidden());
  result.ordering_id = info.ordering_id();
  result.embedding_space_id = info.embedding_space_id();
  result.calibration_source = info.calibration_source();
  result.state = info.state();
  for (const v1::Rung& rung : info.ladder()) result.ladder.push_back(Describe(rung));
  return result;
}

}  // namespace snapvit::cli
