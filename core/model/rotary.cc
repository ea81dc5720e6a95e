#include "core/model/rotary.h"

#include <ATen/ATen.h>

#include <cmath>
#include <vector>

namespace snapvit {
namespace {

// The angles of each of `count` places along one side, [count, dh/4] f32.
at::Tensor Angles(int count, const at::Tensor& periods) {
  const at::Tensor places =
      (at::arange(count, at::kFloat) + 0.5) / static_cast<double>(count) * 2 - 1;
  return 2 * M_PI * places.unsqueeze(1) / periods;
}

}  // namespace

RotaryTable MakeRotaryTable(const VitConfig& config) {
  if (config.positions != Positions::kRotary) return {};
  const int64_t quarter = config.head_dim / 4;
  const int64_t rows = config.grid_height(), columns = config.grid_width();
  const at::Tensor exponents = 2 * at::arange(quarter, at::kFloat) / (config.head_dim / 2);
  const at::Tensor periods = at::pow(config.rope_theta, exponents);
  const at::Tensor by_row =
      Angles(config.grid_height(), periods).unsqueeze(1).expand({rows, columns, quarter});
  const at::Tensor by_column =
      Angles(config.grid_width(), periods).unsqueeze(0).expand({rows, columns, quarter});
  const at::Tensor half = at::cat({by_row, by_column}, /*dim=*/2).view({-1, 2 * quarter});
  const at::Tensor prefix = at::zeros({config.prefix_tokens(), config.head_dim});
  const at::Tensor angles = at::cat({prefix, half.repeat({1, 2})});
  return {angles.cos(), angles.sin()};
}

RotaryTable To(const RotaryTable& table, at::Device device) {
  if (!table.cos.defined()) return table;
  return {table.cos.to(device), table.sin.to(device)};
}

at::Tensor Rotate(const at::Tensor& x, const RotaryTable& table) {
  if (!table.cos.defined()) return x;
  const std::vector<at::Tensor> halves = x.to(at::kFloat).chunk(2, /*dim=*/-1);
  const at::Tensor turned = at::cat({-halves[1], halves[0]}, /*dim=*/-1);
  return (x * table.cos + turned * table.sin).to(x.scalar_type());
}

}  // namespace snapvit
