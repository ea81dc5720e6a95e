#include "core/snapvit/elimination.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <numeric>

namespace snapvit {
namespace {

at::Tensor Index(const std::vector<int64_t>& values, at::Device device) {
  return at::tensor(at::ArrayRef<int64_t>(values), at::kLong).to(device);
}

// Rows of the units at `positions`.
at::Tensor RowsOf(const std::vector<int64_t>& positions, int64_t unit_size, at::Device device) {
  std::vector<int64_t> rows;
  rows.reserve(positions.size() * unit_size);
  for (const int64_t position : positions) {
    for (int64_t i = 0; i < unit_size; ++i) rows.push_back(position * unit_size + i);
  }
  return Index(rows, device);
}

// What is left of a half, and what its units cost.
class Elimination {
 public:
  explicit Elimination(const HalfProblem& half)
      : unit_size_(half.unit_size),
        metric_(half.metric),
        weight_(half.weight),
        precision_(at::cholesky_inverse(at::linalg_cholesky(half.covariance))),
        units_(half.weight.size(0) / half.unit_size) {
    std::iota(units_.begin(), units_.end(), 0);
  }

  size_t left() const { return units_.size(); }

  // Removes the `count` cheapest units; returns them, cheapest first.
  std::vector<int> Remove(size_t count) {
    std::vector<int64_t> positions = ByCost();
    std::vector<int> removed;
    for (size_t i = 0; i < count; ++i) removed.push_back(units_[positions[i]]);
    if (count == left()) {
      units_.clear();
      return removed;
    }
    const at::Tensor out =
        RowsOf({positions.begin(), positions.begin() + count}, unit_size_, weight_.device());
    std::vector<int64_t> kept(positions.begin() + count, positions.end());
    std::sort(kept.begin(), kept.end());
    Adapt(out, RowsOf(kept, unit_size_, weight_.device()));
    std::vector<int> units;
    for (const int64_t position : kept) units.push_back(units_[position]);
    units_ = std::move(units);
    return removed;
  }

 private:
  // Positions of the units that are left, cheapest first.
  std::vector<int64_t> ByCost() const {
    const at::Tensor costs = (unit_size_ == 1 ? SingleCosts() : GroupCosts()).cpu().contiguous();
    const double* cost = costs.data_ptr<double>();
    std::vector<int64_t> positions(units_.size());
    std::iota(positions.begin(), positions.end(), 0);
    std::stable_sort(positions.begin(), positions.end(),
                     [cost](int64_t a, int64_t b) { return cost[a] < cost[b]; });
    return positions;
  }

  at::Tensor SingleCosts() const {
    return (at::matmul(weight_, metric_) * weight_).sum(1) / precision_.diagonal();
  }

  at::Tensor GroupCosts() const {
    const auto groups = static_cast<int64_t>(units_.size());
    at::Tensor costs = at::empty({groups}, weight_.options());
    for (int64_t i = 0; i < groups; ++i) {
      const int64_t first = i * unit_size_;
      const at::Tensor own = precision_.narrow(0, first, unit_size_).narrow(1, first, unit_size_);
      const at::Tensor rows = weight_.narrow(0, first, unit_size_);
      const at::Tensor adapted = at::cholesky_solve(rows, at::linalg_cholesky(own));
      costs[i] = (at::matmul(adapted, metric_) * rows).sum();
    }
    return costs;
  }

  // Takes the rows `out` away: least squares of the weights, and the precision of what is left (a
  // Schur complement).
  void Adapt(const at::Tensor& out, const at::Tensor& kept) {
    const at::Tensor removed_rows = precision_.index_select(0, out);
    const at::Tensor across = removed_rows.index_select(1, kept);  // [out, kept]
    const at::Tensor factor = at::linalg_cholesky(removed_rows.index_select(1, out));
    const at::Tensor share = at::cholesky_solve(across, factor);  // P_oo⁻¹·P_ok
    weight_ = weight_.index_select(0, kept) - at::matmul(share.t(), weight_.index_select(0, out));
    at::Tensor precision = precision_.index_select(0, kept).index_select(1, kept);
    precision.addmm_(across.t(), share, /*beta=*/1, /*alpha=*/-1);
    precision_ = precision;
  }

  const int64_t unit_size_;
  const at::Tensor metric_;
  at::Tensor weight_;
  at::Tensor precision_;
  std::vector<int> units_;
};

}  // namespace

std::vector<int> EliminationOrder(const HalfProblem& half, int step) {
  Elimination elimination(half);
  std::vector<int> removed;
  while (elimination.left() > 0) {
    const size_t count = std::min<size_t>(step, elimination.left());
    const std::vector<int> units = elimination.Remove(count);
    removed.insert(removed.end(), units.begin(), units.end());
  }
  std::reverse(removed.begin(), removed.end());
  return removed;
}

}  // namespace snapvit
