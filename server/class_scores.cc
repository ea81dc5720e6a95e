#include "server/class_scores.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace snapvit {
namespace {

constexpr uint32_t kDefaultTopK = 5;

}  // namespace

absl::Status CheckClassifier(const ServedModel& model) {
  if (model.config.num_classes > 0) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("model ", model.name, " has no classifier; it can embed"));
}

absl::StatusOr<ClassOptions> ReadClassOptions(const v1::ClassifyRequest& request,
                                              const ServedModel& model) {
  RETURN_IF_ERROR(CheckClassifier(model));
  const auto classes = static_cast<uint32_t>(model.config.num_classes);
  if (!v1::Activation_IsValid(request.activation())) {
    return absl::InvalidArgumentError(absl::StrCat("activation is ",
                                                   static_cast<int>(request.activation()),
                                                   ", expected a value of Activation"));
  }
  ClassOptions options;
  const uint32_t wanted = request.top_k() == 0 ? kDefaultTopK : request.top_k();
  options.top_k = static_cast<int>(std::min(wanted, classes));
  options.activation = request.activation();
  return options;
}

std::vector<float> ClassScores(std::span<const float> logits, v1::Activation activation) {
  std::vector<double> values(logits.begin(), logits.end());
  if (activation == v1::ACTIVATION_SIGMOID) {
    for (double& value : values) value = 1 / (1 + std::exp(-value));
  }
  if (activation == v1::ACTIVATION_SOFTMAX) {
    const double largest = *std::max_element(values.begin(), values.end());
    double sum = 0;
    for (double& value : values) sum += value = std::exp(value - largest);
    for (double& value : values) value /= sum;
  }
  return {values.begin(), values.end()};
}

void BestClasses(std::span<const float> logits, const ClassOptions& options,
                 const std::vector<std::string>& names, v1::Labels* labels) {
  std::vector<uint32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0u);
  const auto best = [&](uint32_t a, uint32_t b) {
    return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
  };
  const size_t count = std::min(order.size(), static_cast<size_t>(options.top_k));
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(),
                    best);
  const std::vector<float> scores = ClassScores(logits, options.activation);
  for (size_t i = 0; i < count; ++i) {
    v1::Label* label = labels->add_labels();
    label->set_index(order[i]);
    label->set_score(scores[order[i]]);
    if (order[i] < names.size()) label->set_label(names[order[i]]);
  }
}

}  // namespace snapvit
