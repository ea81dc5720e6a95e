#include "core/snapvit/xnes.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "core/model/torch_guard.h"

namespace snapvit {
namespace {

int DefaultPopulation(double dimension) {
  return 4 + static_cast<int>(std::floor(3 * std::log(dimension)));
}

double DefaultRate(double dimension) {
  return 0.6 * (3 + std::log(dimension)) / (dimension * std::sqrt(dimension));
}

std::vector<double> RankUtilities(int population) {
  std::vector<double> utilities(population);
  for (int rank = 1; rank <= population; ++rank) {
    utilities[rank - 1] = std::max(0.0, std::log(population / 2.0 + 1) - std::log(rank));
  }
  const double sum = std::accumulate(utilities.begin(), utilities.end(), 0.0);
  for (double& utility : utilities) utility = utility / sum - 1.0 / population;
  return utilities;
}

// [rows, columns] that share memory with `values`.
at::Tensor Matrix(std::vector<double>& values, int64_t rows, int64_t columns) {
  return at::from_blob(values.data(), {rows, columns}, at::TensorOptions(at::kDouble));
}

}  // namespace

Xnes::Xnes(XnesOptions options)
    : population_(
          options.population.value_or(DefaultPopulation(static_cast<double>(options.mean.size())))),
      elite_((population_ + 1) / 2),
      mean_rate_(options.mean_rate),
      size_rate_(options.size_rate.value_or(DefaultRate(static_cast<double>(options.mean.size())))),
      shape_rate_(options.shape_rate.value_or(size_rate_)),
      rank_utilities_(RankUtilities(population_)),
      random_(options.seed),
      mean_(std::move(options.mean)),
      transform_(mean_.size() * mean_.size(), 0.0),
      individual_(mean_.size()) {
  for (size_t i = 0; i < mean_.size(); ++i) transform_[i * mean_.size() + i] = 1;
}

const std::vector<double>& Xnes::Ask() {
  const size_t d = mean_.size();
  const size_t first = fitness_.size() * d;
  samples_.resize(first + d);
  for (size_t i = 0; i < d; ++i) samples_[first + i] = random_.Normal();
  for (size_t row = 0; row < d; ++row) {
    individual_[row] = std::inner_product(samples_.begin() + first, samples_.end(),
                                          transform_.begin() + row * d, mean_[row]);
  }
  return individual_;
}

absl::Status Xnes::Tell(double fitness) {
  fitness_.push_back(std::isnan(fitness) ? std::numeric_limits<double>::infinity() : fitness);
  if (told() < population_) return absl::OkStatus();
  absl::Status status = Update();
  fitness_.clear();
  return status;
}

// Of equal values the earlier individual ranks first.
std::vector<double> Xnes::UtilityOfEach() const {
  std::vector<int> order(fitness_.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [this](int a, int b) { return fitness_[a] < fitness_[b]; });
  std::vector<double> utilities(order.size());
  for (size_t rank = 0; rank < order.size(); ++rank) utilities[order[rank]] = rank_utilities_[rank];
  return utilities;
}

// Sums run over individuals in the order in which they were asked for, not in that of their ranks:
// so the result does not depend, not even by rounding, on how the worse half is ordered.
absl::Status Xnes::Update() {
  return Guard([&]() -> absl::Status {
    const c10::InferenceMode inference;
    const int64_t d = dimension();
    std::vector<double> utility_of_each = UtilityOfEach();
    const at::Tensor s = Matrix(samples_, population_, d);
    const at::Tensor u = Matrix(utility_of_each, population_, 1);
    const at::Tensor a = Matrix(transform_, d, d);
    const at::Tensor identity = at::eye(d, at::TensorOptions(at::kDouble));
    const at::Tensor mean_gradient = at::mm(s.t(), u);
    const at::Tensor gradient = at::mm(s.t(), u * s) - u.sum() * identity;
    const at::Tensor size = gradient.trace() / static_cast<double>(d) * identity;
    const at::Tensor step =
        at::linalg_matrix_exp(0.5 * (size_rate_ * size + shape_rate_ * (gradient - size)));
    Matrix(mean_, d, 1).add_(at::mm(a, mean_gradient), mean_rate_);
    a.copy_(at::mm(a, step));
    return absl::OkStatus();
  });
}

}  // namespace snapvit
