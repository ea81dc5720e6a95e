#include "client/cli/class_scores.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace snapvit::cli {
namespace {

void Softmax(std::span<float> logits) {
  if (logits.empty()) return;
  const double largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - largest);
  for (float& logit : logits) logit = static_cast<float>(std::exp(logit - largest) / sum);
}

}  // namespace

void ApplyActivation(v1::Activation activation, std::span<float> logits) {
  if (activation == v1::ACTIVATION_SOFTMAX) Softmax(logits);
  if (activation != v1::ACTIVATION_SIGMOID) return;
  for (float& logit : logits) logit = static_cast<float>(1 / (1 + std::exp(-double{logit})));
}

std::vector<client::Label> TopLabels(std::span<const float> scores,
                                     const std::vector<std::string>& names, size_t top_k) {
  std::vector<uint32_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  const size_t count = std::min(top_k, scores.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(),
                    [scores](uint32_t a, uint32_t b) {
                      return scores[a] != scores[b] ? scores[a] > scores[b] : a < b;
                    });
  std::vector<client::Label> labels;
  for (size_t i = 0; i < count; ++i) {
    const uint32_t index = order[i];
    labels.push_back({index, index < names.size() ? names[index] : "", scores[index]});
  }
  return labels;
}

}  // namespace snapvit::cli
