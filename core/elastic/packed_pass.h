// RunPackedPass: a forward pass on packed weights. Internal to PackedModel.
#ifndef SNAPVIT_CORE_ELASTIC_PACKED_PASS_H_
#define SNAPVIT_CORE_ELASTIC_PACKED_PASS_H_

#include <cstdint>
#include <span>

#include "core/elastic/keep_counts.h"
#include "core/elastic/packed_weights.h"
#include "core/kernels/kernels.h"
#include "core/kernels/parallel.h"

namespace snapvit {

// An image, and where its tokens go.
struct PassImage {
  const KeepCounts* view = nullptr;
  const float* pixels = nullptr;  // [3, H, W]
  float* tokens = nullptr;        // [first_tokens, D]
};

// Views of the images of one pass, at most.
inline constexpr int kMostViews = kMostCalls;

// As PackedModel::Tokens. Images of one view are neighbours; weights that several views have are
// read once for all. Scratch memory stays with the calling thread. Throws std::bad_alloc; calls no
// ATen operator.
template <typename W>
void RunPackedPass(const PackedWeights<W>& weights, std::span<const PassImage> images,
                   int64_t first_tokens, const Parallel& parallel);

extern template void RunPackedPass(const PackedWeights<BFloat16Bits>&, std::span<const PassImage>,
                                   int64_t, const Parallel&);
extern template void RunPackedPass(const PackedWeights<float>&, std::span<const PassImage>, int64_t,
                                   const Parallel&);
extern template void RunPackedPass(const PackedWeights<Int8<BFloat16Bits>>&,
                                   std::span<const PassImage>, int64_t, const Parallel&);
extern template void RunPackedPass(const PackedWeights<Int8<float>>&, std::span<const PassImage>,
                                   int64_t, const Parallel&);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_ELASTIC_PACKED_PASS_H_
