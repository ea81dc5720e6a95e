// expand() of core/kernels/kernels.h: plain loops, which compilers turn into the processor's
// registers. Included as functions_impl.h is, after it.

namespace snapvit {
namespace {

// To nearest even, of finite values.
inline uint32_t RoundedBits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
}

// Two signed bytes, to be multiplied with a scale each.
inline uint32_t WordOf(uint16_t half, float scale, float next_scale) {
  const auto value = static_cast<float>(static_cast<int8_t>(half & 0xFF));
  const auto next = static_cast<float>(static_cast<int8_t>(half >> 8));
  return RoundedBits(value * scale) | RoundedBits(next * next_scale) << 16;
}

inline void Expand(const CompactMatrix<float>& from, PackedMatrix<float>& to) {
  uint32_t* words = from.Prepare(to);
  const uint16_t* halves = from.halves().data();
  const auto count = static_cast<int64_t>(from.halves().size());
  for (int64_t i = 0; i < count; ++i) words[i] = uint32_t{halves[i]} << 16;
}

inline void Expand(const CompactMatrix<BFloat16Bits>& from, PackedMatrix<BFloat16Bits>& to) {
  uint32_t* words = from.Prepare(to);
  const uint16_t* halves = from.halves().data();
  for (int64_t first = 0; first < from.outputs(); first += kStrip<BFloat16Bits>) {
    const int64_t width = to.strip_width(first / kPanel, first % kPanel);
    for (int64_t row = 0; row < to.rows(); ++row, words += width, halves += width) {
      if (from.scale_of() == ScaleOf::kInput) {
        const float scale = from.scales()[2 * row], next_scale = from.scales()[2 * row + 1];
        for (int64_t o = 0; o < width; ++o) words[o] = WordOf(halves[o], scale, next_scale);
      } else {
        const float* scales = from.scales() + first;
        for (int64_t o = 0; o < width; ++o) words[o] = WordOf(halves[o], scales[o], scales[o]);
      }
    }
  }
}

}  // namespace
}  // namespace snapvit
