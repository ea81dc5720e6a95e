#include "core/image/resample_kernels.h"

#include <algorithm>

namespace snapvit {
namespace {

constexpr int32_t kHalf = 1 << (kWeightBits - 1);

uint8_t ToByte(int32_t sum) { return static_cast<uint8_t>(std::clamp(sum >> kWeightBits, 0, 255)); }

void HorizontalPortable(const uint8_t* in, size_t in_stride, int /*in_width*/, int rows,
                        const ResampleTaps& taps, uint8_t* out) {
  for (int r = 0; r < rows; ++r, in += in_stride) {
    for (int i = 0; i < taps.size(); ++i, out += 3) {
      const uint8_t* pixel = in + size_t{3} * static_cast<size_t>(taps.first[i]);
      const int32_t* weights = &taps.weights[taps.stride * static_cast<size_t>(i)];
      int32_t red = kHalf, green = kHalf, blue = kHalf;
      for (int k = 0; k < taps.count[i]; ++k, pixel += 3) {
        red += pixel[0] * weights[k];
        green += pixel[1] * weights[k];
        blue += pixel[2] * weights[k];
      }
      out[0] = ToByte(red);
      out[1] = ToByte(green);
      out[2] = ToByte(blue);
    }
  }
}

// In blocks whose sums stay in registers or the first-level cache.
void VerticalPortable(const uint8_t* in, size_t in_stride, size_t bytes, const int32_t* weights,
                      int count, uint8_t* out) {
  constexpr size_t kBlock = 256;
  int32_t sums[kBlock];
  for (size_t begin = 0; begin < bytes; begin += kBlock) {
    const size_t size = std::min(kBlock, bytes - begin);
    std::fill_n(sums, size, kHalf);
    for (int k = 0; k < count; ++k) {
      const uint8_t* row = in + in_stride * static_cast<size_t>(k) + begin;
      const int32_t weight = weights[k];
      for (size_t b = 0; b < size; ++b) sums[b] += row[b] * weight;
    }
    for (size_t b = 0; b < size; ++b) out[begin + b] = ToByte(sums[b]);
  }
}

}  // namespace

const ResampleKernels& PortableResampleKernels() {
  static constexpr ResampleKernels kKernels = {"portable", HorizontalPortable, VerticalPortable};
  return kKernels;
}

const ResampleKernels& BestResampleKernels() {
  static const ResampleKernels& best =
      Avx2ResampleKernels() != nullptr ? *Avx2ResampleKernels() : PortableResampleKernels();
  return best;
}

}  // namespace snapvit
