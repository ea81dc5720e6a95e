#include "core/snapvit/elimination.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <limits>
#include <numeric>

namespace snapvit {
namespace {

// Rows that are taken away before the precision is brought up to date: products of this depth run
// at full speed, while one for each step would wait for memory.
constexpr int64_t kMostPending = 128;

at::Tensor Index(const std::vector<int64_t>& values, at::Device device) {
  return at::tensor(at::ArrayRef<int64_t>(values), at::kLong).to(device);
}

// What is left of a half, and what its units cost. Units that went lately are still there, and cost
// infinitely much.
class Elimination {
 public:
  explicit Elimination(const HalfProblem& half)
      : unit_size_(half.unit_size),
        weight_(half.weight.clone()),
        precision_(at::cholesky_inverse(half.factor)),
        pending_(at::empty({0, precision_.size(0)}, precision_.options())),
        units_(half.weight.size(0) / half.unit_size),
        left_(units_.size()) {
    std::iota(units_.begin(), units_.end(), 0);
    gone_.assign(units_.size(), false);
  }

  size_t left() const { return left_; }

  // Removes the `count` cheapest units; returns them, cheapest first.
  std::vector<int> Remove(size_t count) {
    std::vector<int64_t> positions = ByCost();
    positions.resize(count);
    std::vector<int> removed;
    for (const int64_t position : positions) {
      removed.push_back(units_[position]);
      gone_[position] = true;
    }
    left_ -= count;
    if (left_ > 0) TakeAway(RowsOf(positions));
    return removed;
  }

 private:
  // Positions of all units, cheapest first, those that went last.
  std::vector<int64_t> ByCost() const {
    const at::Tensor costs = (unit_size_ == 1 ? SingleCosts() : GroupCosts()).cpu().contiguous();
    double* const cost = costs.data_ptr<double>();
    for (size_t i = 0; i < units_.size(); ++i) {
      if (gone_[i]) cost[i] = std::numeric_limits<double>::infinity();
    }
    std::vector<int64_t> positions(units_.size());
    std::iota(positions.begin(), positions.end(), 0);
    std::stable_sort(positions.begin(), positions.end(),
                     [cost](int64_t a, int64_t b) { return cost[a] < cost[b]; });
    return positions;
  }

  at::Tensor SingleCosts() const {
    const at::Tensor diagonal = precision_.diagonal() - pending_.square().sum(0);
    return at::linalg_vector_norm(weight_, 2, at::IntArrayRef{1}).square() / diagonal;
  }

  // REQUIRES: nothing is pending.
  at::Tensor GroupCosts() const {
    const auto groups = static_cast<int64_t>(units_.size());
    const at::Tensor own = precision_.view({groups, unit_size_, groups, unit_size_})
                               .diagonal(0, 0, 2)
                               .permute({2, 0, 1});
    const at::Tensor weight = weight_.view({groups, unit_size_, -1});
    const at::Tensor root = at::linalg_cholesky(own);
    return at::linalg_solve_triangular(root, weight, /*upper=*/false).square().sum({1, 2});
  }

  at::Tensor RowsOf(const std::vector<int64_t>& positions) const {
    std::vector<int64_t> rows;
    rows.reserve(positions.size() * unit_size_);
    for (const int64_t position : positions) {
      for (int64_t i = 0; i < unit_size_; ++i) rows.push_back(position * unit_size_ + i);
    }
    return Index(rows, weight_.device());
  }

  // Takes the rows `out` away: least squares of the weights, and the precision of what is left, a
  // Schur complement P − P_·o·P_oo⁻¹·P_o· = P − BᵀB, whose B is left pending.
  void TakeAway(const at::Tensor& out) {
    const at::Tensor rows =
        precision_.index_select(0, out) - at::matmul(pending_.index_select(1, out).t(), pending_);
    const at::Tensor root = at::linalg_cholesky(rows.index_select(1, out));
    const at::Tensor b = at::linalg_solve_triangular(root, rows, /*upper=*/false);
    const at::Tensor share =
        at::linalg_solve_triangular(root, weight_.index_select(0, out), /*upper=*/false);
    weight_.addmm_(b.t(), share, /*beta=*/1, /*alpha=*/-1);
    pending_ = at::cat({pending_, b});
    // The costs of groups need whole blocks of the precision.
    if (unit_size_ > 1 || pending_.size(0) >= kMostPending) Update();
  }

  // Brings the precision up to date, without the units that went.
  void Update() {
    std::vector<int64_t> kept;
    std::vector<int> units;
    for (size_t i = 0; i < units_.size(); ++i) {
      if (gone_[i]) continue;
      kept.push_back(static_cast<int64_t>(i));
      units.push_back(units_[i]);
    }
    const at::Tensor rows = RowsOf(kept);
    pending_ = pending_.index_select(1, rows);
    weight_ = weight_.index_select(0, rows);
    precision_ = precision_.index_select(0, rows).index_select(1, rows);
    precision_.addmm_(pending_.t(), pending_, /*beta=*/1, /*alpha=*/-1);
    pending_ = at::empty({0, precision_.size(0)}, precision_.options());
    units_ = std::move(units);
    gone_.assign(units_.size(), false);
  }

  const int64_t unit_size_;
  at::Tensor weight_;     // [rows, D]
  at::Tensor precision_;  // [rows, rows]; up to date less pending_ᵀ·pending_
  at::Tensor pending_;    // [removed rows, rows]
  std::vector<int> units_;
  std::vector<bool> gone_;  // of units_
  size_t left_;
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
