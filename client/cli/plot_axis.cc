#include "client/cli/plot_axis.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_format.h"

namespace snapvit::cli {
namespace {

constexpr double kSteps = 5;
// Of a step: what sums of decimal fractions are off by.
constexpr double kTolerance = 1e-6;

double RoundStep(double step) {
  const double power = std::pow(10, std::floor(std::log10(step)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (step <= factor * power * (1 + kTolerance)) return factor * power;
  }
  return 10 * power;
}

}  // namespace

PlotAxis::PlotAxis(std::span<const double> values) {
  if (values.empty()) return;
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  double span = *high - *low;
  if (span == 0) span = *high == 0 ? 1 : std::abs(*high);  // a single value: any round range
  step_ = RoundStep(span / kSteps);
  low_ = step_ * std::floor(*low / step_ + kTolerance);
  high_ = step_ * std::ceil(*high / step_ - kTolerance);
  if (high_ - low_ < step_ / 2) high_ = low_ + step_;
}

std::vector<double> PlotAxis::Ticks() const {
  std::vector<double> ticks;
  const auto count = std::lround((high_ - low_) / step_);
  for (long i = 0; i <= count; ++i) ticks.push_back(low_ + static_cast<double>(i) * step_);
  return ticks;
}

std::string PlotAxis::TickText(double tick) const {
  const int digits = std::max(0, static_cast<int>(std::ceil(-std::log10(step_) - kTolerance)));
  return absl::StrFormat("%.*f", digits, tick);
}

}  // namespace snapvit::cli
