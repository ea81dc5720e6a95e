// Weights of Pillow's separable resampling along one axis (internal to resize).
#ifndef SNAPVIT_CORE_IMAGE_RESAMPLE_TAPS_H_
#define SNAPVIT_CORE_IMAGE_RESAMPLE_TAPS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/image/preprocessing.h"

namespace snapvit {

// A weight of 1.0 is 1 << kWeightBits: 32 bits less 8 for the pixel and 2 for filters that
// overshoot.
inline constexpr int kWeightBits = 22;

// Output sample i = sum over k < count[i] of input[first[i] + k] * weights[i * stride + k]. Weights
// past the count are 0.
struct ResampleTaps {
  size_t stride = 0;  // even
  std::vector<int> first;
  std::vector<int> count;  // at least 1
  std::vector<int32_t> weights;

  int size() const { return static_cast<int>(first.size()); }
  // The range of input samples that any output needs.
  int input_begin() const { return first.front(); }
  int input_end() const { return first.back() + count.back(); }
};

// Taps of the output samples [begin, begin + size) of an axis that goes from `in` to `out` samples.
// The same doubles in the same order as Pillow, hence the same integers. REQUIRES: in, size >= 1; 0
// <= begin; begin + size <= out.
ResampleTaps MakeResampleTaps(int in, int64_t out, int64_t begin, int size,
                              Interpolation interpolation);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_IMAGE_RESAMPLE_TAPS_H_
