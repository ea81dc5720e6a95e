#include "client/cli/model_description.h"

#include <algorithm>

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

}  // namespace

ModelDescription Describe(const v1::ModelInfo& info) {
  ModelDescription result;
  result.name = info.name();
  result.architecture = info.architecture();
  result.parameters = info.parameters();
  result.gflops = info.gflops();
  const int sides = std::min<int>(info.input_size_size(), static_cast<int>(result.input_size.size()));
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
