// RunPackedPass: the forward pass of one view on packed weights. Internal to PackedModel.
#ifndef SNAPVIT_CORE_ELASTIC_PACKED_PASS_H_
#define SNAPVIT_CORE_ELASTIC_PACKED_PASS_H_

#include <cstdint>
#include <span>

#include "core/elastic/keep_counts.h"
#include "core/elastic/packed_weights.h"
#include "core/kernels/parallel.h"

namespace snapvit {

// Where an image is, and where its tokens go.
struct PassImage {
  const float* pixels = nullptr;  // [3, H, W]
  float* tokens = nullptr;        // [first_tokens, D]
};

// As PackedModel::Tokens, of images of one view. Scratch memory stays with the calling thread.
// Throws std::bad_alloc; calls no ATen operator.
template <typename T>
void RunPackedPass(const PackedWeights<T>& weights, const KeepCounts& view,
                   std::span<const PassImage> images, int64_t first_tokens,
                   const Parallel& parallel);

extern template void RunPackedPass(const PackedWeights<BFloat16Bits>&, const KeepCounts&,
                                   std::span<const PassImage>, int64_t, const Parallel&);
extern template void RunPackedPass(const PackedWeights<float>&, const KeepCounts&,
                                   std::span<const PassImage>, int64_t, const Parallel&);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_ELASTIC_PACKED_PASS_H_
