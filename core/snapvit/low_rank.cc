#include "core/snapvit/low_rank.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <queue>

#include "core/base/random.h"

namespace snapvit {
namespace {

constexpr int kExtraDirections = 8;  // of the subspace iteration, beyond the rank that is asked for
constexpr int kIterations = 4;
constexpr uint64_t kStartSeed = 1;  // where the iteration starts does not matter, but is fixed

at::Tensor StartDirections(int64_t width, int64_t count) {
  Random random(kStartSeed);
  at::Tensor start = at::empty({width, count}, at::kDouble);
  double* out = start.data_ptr<double>();
  for (int64_t i = 0; i < start.numel(); ++i) out[i] = random.Normal();
  return start;
}

// The leading right singular vectors of `matrix` [k, D], [D, rank], and the squares of their
// singular values, falling.
std::pair<at::Tensor, at::Tensor> LeadingDirections(const at::Tensor& matrix, int64_t rank) {
  const int64_t width = matrix.size(1);
  const int64_t directions = std::min(width, rank + kExtraDirections);
  at::Tensor basis =
      std::get<0>(at::linalg_qr(StartDirections(width, directions).to(matrix.device())));
  for (int i = 0; i < kIterations; ++i) {
    basis = std::get<0>(at::linalg_qr(at::matmul(matrix.t(), at::matmul(matrix, basis))));
  }
  const at::Tensor image = at::matmul(matrix, basis);
  const auto [values, vectors] = at::linalg_eigh(at::matmul(image.t(), image));  // rising
  const at::Tensor leading = at::matmul(basis, vectors).flip({1}).narrow(1, 0, rank);
  return {leading, values.flip({0}).narrow(0, 0, rank).clamp_min(0)};
}

at::Tensor RankedRows(const std::vector<int>& order, int64_t unit_size) {
  at::Tensor rows = at::empty({static_cast<int64_t>(order.size()) * unit_size}, at::kLong);
  int64_t* out = rows.data_ptr<int64_t>();
  for (const int unit : order) {
    for (int64_t i = 0; i < unit_size; ++i) *out++ = unit * unit_size + i;
  }
  return rows;
}

std::vector<uint16_t> BFloat16Bits(const at::Tensor& tensor) {
  const at::Tensor rounded = tensor.to(at::kBFloat16).cpu().contiguous();
  std::vector<uint16_t> bits(rounded.numel());
  std::memcpy(bits.data(), rounded.data_ptr(), bits.size() * sizeof(uint16_t));
  return bits;
}

}  // namespace

std::vector<LowRankParts> CorrectHalf(const HalfProblem& half, const std::vector<int>& order,
                                      const std::vector<int>& keeps, int rank) {
  const at::Tensor rows = RankedRows(order, half.unit_size).to(half.weight.device());
  const at::Tensor weight = half.weight.index_select(0, rows);
  const at::Tensor factor =
      at::linalg_cholesky(half.covariance.index_select(0, rows).index_select(1, rows));
  const int64_t all = weight.size(0);
  std::vector<LowRankParts> result;
  for (const int keep : keeps) {
    const int64_t kept = keep * half.unit_size;
    const at::Tensor across = factor.narrow(0, kept, all - kept).narrow(1, 0, kept);  // L_pk
    const at::Tensor own = factor.narrow(0, 0, kept).narrow(1, 0, kept);              // L_kk
    const at::Tensor predicted = at::matmul(across.t(), weight.narrow(0, kept, all - kept));
    const auto [directions, squares] =
        LeadingDirections(predicted, std::min<int64_t>({rank, kept, weight.size(1)}));
    LowRankParts parts;
    parts.keep = keep;
    parts.in = at::linalg_solve_triangular(own.t(), at::matmul(predicted, directions),
                                           /*upper=*/true)
                   .to(at::kFloat)
                   .cpu();
    parts.out = at::matmul(directions.t(), half.to_unscaled).to(at::kFloat).cpu();
    const at::Tensor gains = squares.cpu().contiguous();
    parts.gains.assign(gains.data_ptr<double>(), gains.data_ptr<double>() + gains.numel());
    result.push_back(std::move(parts));
  }
  return result;
}

LowRankCorrection ToCorrection(const LowRankParts& parts, int structure, int rank) {
  return {structure, parts.keep, rank, BFloat16Bits(parts.in.narrow(1, 0, rank)),
          BFloat16Bits(parts.out.narrow(0, 0, rank))};
}

std::vector<int> AllocateRanks(const std::vector<const LowRankParts*>& corrections, size_t bytes) {
  struct Next {
    double gain_per_byte;
    size_t correction;
    bool operator<(const Next& other) const { return gain_per_byte < other.gain_per_byte; }
  };
  std::vector<int> ranks(corrections.size(), 0);
  std::priority_queue<Next> queue;
  const auto size = [&](size_t i) {
    return sizeof(uint16_t) * (corrections[i]->in.size(0) + corrections[i]->out.size(1));
  };
  const auto push = [&](size_t i) {
    const std::vector<double>& gains = corrections[i]->gains;
    const auto rank = static_cast<size_t>(ranks[i]);
    if (rank < gains.size() && gains[rank] > 0) queue.push({gains[rank] / size(i), i});
  };
  for (size_t i = 0; i < corrections.size(); ++i) push(i);
  for (; !queue.empty();) {
    const size_t i = queue.top().correction;
    queue.pop();
    if (size(i) > bytes) continue;  // a smaller one may still fit
    bytes -= size(i);
    ++ranks[i];
    push(i);
  }
  return ranks;
}

}  // namespace snapvit
