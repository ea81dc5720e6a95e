#include "core/snapvit/neighbour_overlap.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <limits>
#include <tuple>
#include <vector>

namespace snapvit {
namespace {

// Rows of the similarity matrix that are in memory at a time; each is as long as all images.
constexpr int64_t kSimilarityRows = 1024;

}  // namespace

NeighbourOverlap::NeighbourOverlap(const at::Tensor& dense)
    : mean_(dense.mean(0, /*keepdim=*/true)) {
  if (dense.size(0) > kNeighbours + 1) nearest_ = Nearest(dense);
}

std::optional<double> NeighbourOverlap::Of(const at::Tensor& embeddings) const {
  if (!nearest_.defined()) return std::nullopt;
  const at::Tensor same = Nearest(embeddings).unsqueeze(2) == nearest_.unsqueeze(1);
  return same.sum().item<double>() / static_cast<double>(nearest_.numel());
}

at::Tensor NeighbourOverlap::Nearest(const at::Tensor& embeddings) const {
  const at::Tensor centred = embeddings - mean_;
  const at::Tensor rows = centred / centred.norm(2, {1}, /*keepdim=*/true);
  const at::Tensor columns = rows.t();
  std::vector<at::Tensor> nearest;
  for (int64_t begin = 0; begin < rows.size(0); begin += kSimilarityRows) {
    const int64_t count = std::min(kSimilarityRows, rows.size(0) - begin);
    at::Tensor similarity = at::matmul(rows.narrow(0, begin, count), columns);
    // An image is not its own neighbour.
    similarity.narrow(1, begin, count).fill_diagonal_(-std::numeric_limits<double>::infinity());
    nearest.push_back(std::get<1>(similarity.topk(kNeighbours, 1)));
  }
  return at::cat(nearest);
}

}  // namespace snapvit
