#include "core/kernels/packed_matrix.h"

#include <algorithm>

namespace snapvit {
namespace {

// Weights (2·pair, ·) and (2·pair + 1, ·) of `count` outputs, side by side.
void PackPairs(const BFloat16Bits* values, int64_t pair, int64_t inputs, int64_t count,
               int64_t input_stride, int64_t output_stride, uint32_t* out) {
  const BFloat16Bits* even = values + 2 * pair * input_stride;
  const bool has_odd = 2 * pair + 1 < inputs;
  for (int64_t o = 0; o < count; ++o) {
    const uint32_t low = even[o * output_stride];
    const uint32_t high = has_odd ? even[o * output_stride + input_stride] : 0;
    out[o] = low | high << 16;
  }
}

}  // namespace

PackedMatrix::PackedMatrix(int64_t inputs, int64_t outputs, int width, bool gated)
    : inputs_(inputs), outputs_(outputs), width_(width), gated_(gated) {
  const int64_t panels = (outputs + panel_outputs() - 1) / panel_outputs();
  words_.Reserve(panels * pairs() * width_);
  std::fill_n(words_.data(), words_.size(), 0);
}

PackedMatrix PackedMatrix::Pack(const BFloat16Bits* values, int64_t inputs, int64_t outputs,
                                int64_t input_stride, int64_t output_stride, int panel_width) {
  PackedMatrix packed(inputs, outputs, panel_width, /*gated=*/false);
  uint32_t* out = packed.words_.data();
  for (int64_t first = 0; first < outputs; first += panel_width) {
    const int64_t count = std::min<int64_t>(panel_width, outputs - first);
    for (int64_t pair = 0; pair < packed.pairs(); ++pair, out += panel_width) {
      PackPairs(values + first * output_stride, pair, inputs, count, input_stride, output_stride,
                out);
    }
  }
  return packed;
}

PackedMatrix PackedMatrix::PackGated(const BFloat16Bits* gate, const BFloat16Bits* value,
                                     int64_t inputs, int64_t outputs, int64_t input_stride,
                                     int64_t output_stride) {
  constexpr int64_t kHalf = kPanel / 2;
  PackedMatrix packed(inputs, outputs, kPanel, /*gated=*/true);
  uint32_t* out = packed.words_.data();
  for (int64_t first = 0; first < outputs; first += kHalf) {
    const int64_t count = std::min(kHalf, outputs - first);
    for (int64_t pair = 0; pair < packed.pairs(); ++pair, out += kPanel) {
      const int64_t offset = first * output_stride;
      PackPairs(gate + offset, pair, inputs, count, input_stride, output_stride, out);
      PackPairs(value + offset, pair, inputs, count, input_stride, output_stride, out + kHalf);
    }
  }
  return packed;
}

}  // namespace snapvit
