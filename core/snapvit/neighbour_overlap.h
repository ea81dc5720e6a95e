// NeighbourOverlap: whether a rung's embeddings have the same neighbours as the dense model's,
// which is what retrieval cares about and a mean cosine does not show.
#ifndef SNAPVIT_CORE_SNAPVIT_NEIGHBOUR_OVERLAP_H_
#define SNAPVIT_CORE_SNAPVIT_NEIGHBOUR_OVERLAP_H_

#include <ATen/core/Tensor.h>

#include <optional>

namespace snapvit {

// Overlap@10: of each image's ten nearest others by cosine, after subtracting the dense mean, the
// share that both models agree on; mean over the images. By chance alone it is 10 ÷ (images − 1).
// Immutable after creation. Methods throw c10::Error like ATen itself.
class NeighbourOverlap {
 public:
  static constexpr int64_t kNeighbours = 10;

  // `dense`: [images, D], of the dense model.
  explicit NeighbourOverlap(const at::Tensor& dense);

  // `embeddings`: [images, D] of the same images. Nothing if there are no more others than
  // neighbours: every set of neighbours would be the same.
  std::optional<double> Of(const at::Tensor& embeddings) const;

 private:
  // [images, kNeighbours], in no particular order.
  at::Tensor Nearest(const at::Tensor& embeddings) const;

  at::Tensor mean_;     // [1, D]
  at::Tensor nearest_;  // of the dense model; undefined with too few images
};

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SNAPVIT_NEIGHBOUR_OVERLAP_H_
