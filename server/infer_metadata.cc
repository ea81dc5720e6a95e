#include "server/infer_metadata.h"

#include <cstdint>
#include <vector>

#include "server/infer_input.h"
#include "server/infer_method.h"
#include "server/infer_output.h"

namespace snapvit {
namespace {

constexpr char kPlatform[] = "snapvit";

struct TensorKind {
  const char* name;
  bool bytes = false;          // else FP32
  std::vector<int64_t> shape;  // -1: the number of images
};

std::vector<TensorKind> Inputs(const ServedModel& model) {
  return {{kImageInput, /*bytes=*/true, {-1}},
          {kPixelValuesInput,
           /*bytes=*/false,
           {-1, 3, model.preprocessing.height, model.preprocessing.width}}};
}

std::vector<TensorKind> Outputs(const ServedModel& model) {
  std::vector<TensorKind> outputs = {
      {kEmbeddingOutput, /*bytes=*/false, {-1, model.config.embed_dim}}};
  if (model.config.num_classes > 0) {
    outputs.push_back({kProbabilitiesOutput, /*bytes=*/false, {-1, model.config.num_classes}});
  }
  return outputs;
}

void Describe(const TensorKind& kind, inference::ModelMetadataResponse::TensorMetadata* tensor) {
  tensor->set_name(kind.name);
  tensor->set_datatype(kind.bytes ? "BYTES" : "FP32");
  for (const int64_t length : kind.shape) tensor->add_shape(length);
}

// `Tensor`: ModelInput or ModelOutput.
template <typename Tensor>
void Configure(const TensorKind& kind, Tensor* tensor) {
  tensor->set_name(kind.name);
  tensor->set_data_type(kind.bytes ? inference::TYPE_STRING : inference::TYPE_FP32);
  for (const int64_t length : kind.shape) tensor->add_dims(length);
}

}  // namespace

void DescribeInferModel(const ServedModel& model, inference::ModelMetadataResponse* metadata) {
  metadata->set_name(model.name);
  metadata->add_versions(kModelVersion);
  metadata->set_platform(kPlatform);
  for (const TensorKind& kind : Inputs(model)) Describe(kind, metadata->add_inputs());
  for (const TensorKind& kind : Outputs(model)) Describe(kind, metadata->add_outputs());
}

void ConfigureInferModel(const ServedModel& model, inference::ModelConfig* config) {
  config->set_name(model.name);
  config->set_platform(kPlatform);
  config->set_backend(kPlatform);
  // Shapes are whole: with a maximum, load generators would want an image to have a shape of its
  // own.
  config->set_max_batch_size(0);
  for (const TensorKind& kind : Inputs(model)) {
    inference::ModelInput* input = config->add_input();
    Configure(kind, input);
    input->set_optional(true);  // exactly one of them is sent
  }
  for (const TensorKind& kind : Outputs(model)) Configure(kind, config->add_output());
}

}  // namespace snapvit
