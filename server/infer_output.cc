#include "server/infer_output.h"

#include <bit>
#include <cstdint>
#include <set>
#include <span>
#include <string>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "server/class_scores.h"

namespace snapvit {
namespace {

static_assert(std::endian::native == std::endian::little,
              "floats are copied to the protocol's little-endian bytes");

constexpr char kClassification[] = "classification";
constexpr char kBinaryData[] =
    "binary_data";  // whether it comes raw, over HTTP: here it always does

using RequestedOutput = inference::ModelInferRequest::InferRequestedOutputTensor;

absl::Status BadOutput(const RequestedOutput& requested, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat("output ", requested.name(), " ", what));
}

absl::Status ReadClassification(const RequestedOutput& requested,
                                const inference::InferParameter& parameter, int classes,
                                InferOutput& output) {
  const int64_t count = parameter.int64_param();  // 0 if it has another type
  if (!output.probabilities || count < 1) {
    return BadOutput(requested, absl::StrCat("has classification ", count,
                                             ", expected int64 of at least 1, of probabilities"));
  }
  output.best_classes = static_cast<int>(std::min<int64_t>(count, classes));
  return absl::OkStatus();
}

absl::StatusOr<InferOutput> ReadOutput(const RequestedOutput& requested, const ServedModel& model) {
  InferOutput output;
  output.probabilities = requested.name() == kProbabilitiesOutput;
  if (!output.probabilities && requested.name() != kEmbeddingOutput) {
    return BadOutput(requested, "is not known, expected embedding or probabilities");
  }
  RETURN_IF_ERROR(output.probabilities ? CheckClassifier(model)
                                       : model.pooling(EmbeddingKind::kDefault).status);
  for (const auto& [name, parameter] : requested.parameters()) {
    if (name == kBinaryData) continue;
    if (name != kClassification) {
      return BadOutput(requested,
                       absl::StrCat("has the parameter ", name, ", expected classification"));
    }
    RETURN_IF_ERROR(ReadClassification(requested, parameter, model.config.num_classes, output));
  }
  return output;
}

void AppendFloats(std::span<const float> values, std::string* raw) {
  raw->append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
}

// An element of BYTES: its length, little-endian, and itself.
void AppendElement(const std::string& element, std::string* raw) {
  const auto length = static_cast<uint32_t>(element.size());
  raw->append(reinterpret_cast<const char*>(&length), sizeof(length));
  raw->append(element);
}

void AppendBestClasses(std::span<const float> logits, int count, const ServedModel& model,
                       std::string* raw) {
  v1::Labels best;
  BestClasses(logits, {count, v1::ACTIVATION_SOFTMAX}, model.labels.names(), &best);
  for (const v1::Label& label : best.labels()) {
    std::string element = absl::StrCat(std::to_string(label.score()), ":", label.index());
    if (!label.label().empty()) absl::StrAppend(&element, ":", label.label());
    AppendElement(element, raw);
  }
}

}  // namespace

absl::StatusOr<std::vector<InferOutput>> ReadInferOutputs(
    const inference::ModelInferRequest& request, const ServedModel& model) {
  std::vector<InferOutput> outputs;
  if (request.outputs().empty()) {
    outputs.emplace_back();
    if (model.config.num_classes > 0) outputs.push_back({.probabilities = true});
  }
  std::set<std::string> names;
  for (const RequestedOutput& requested : request.outputs()) {
    if (!names.insert(requested.name()).second) return BadOutput(requested, "is named twice");
    ASSIGN_OR_RETURN(const InferOutput output, ReadOutput(requested, model));
    outputs.push_back(output);
  }
  return outputs;
}

void AppendInferOutput(const InferenceJob& job, const InferOutput& output,
                       inference::ModelInferResponse* response) {
  auto* tensor = response->add_outputs();
  std::string* raw = response->add_raw_output_contents();
  tensor->set_name(output.probabilities ? kProbabilitiesOutput : kEmbeddingOutput);
  tensor->set_datatype(output.best_classes.has_value() ? "BYTES" : "FP32");
  for (size_t i = 0; i < job.size(); ++i) {
    const EngineItem& result = job.outcome(i).task->item();
    if (output.best_classes.has_value()) {
      AppendBestClasses(result.logit_values, *output.best_classes, job.model(), raw);
    } else if (output.probabilities) {
      AppendFloats(ClassScores(result.logit_values, v1::ACTIVATION_SOFTMAX), raw);
    } else {
      AppendFloats(result.embedding_values, raw);
    }
  }
  tensor->add_shape(static_cast<int64_t>(job.size()));
  const EngineItem& first = job.outcome(0).task->item();
  const size_t length =
      output.probabilities ? first.logit_values.size() : first.embedding_values.size();
  tensor->add_shape(output.best_classes.value_or(static_cast<int>(length)));
}

}  // namespace snapvit
