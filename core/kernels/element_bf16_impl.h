// What is done with bf16 elements in registers of AVX-512. Included as functions_impl.h is, after
// norms_impl.h.

namespace snapvit {
namespace {

template <>
struct Element<BFloat16Bits> {
  static constexpr int kExpDegree = 5;  // weights are rounded to 8 bits
  static Floats MulAdd(Floats sum, Words value, Words weights) {
    return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(value),
                            reinterpret_cast<__m512bh>(weights));
  }
  static void Store(BFloat16Bits* out, Mask mask, Floats x) {
    _mm256_mask_storeu_epi16(out, mask, reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(x)));
  }
  static Floats Load(const BFloat16Bits* p, Mask mask) {
    return AsFloats(_mm512_slli_epi32(TwoRows(p, nullptr, mask), 16));
  }
  static Words TwoRows(const BFloat16Bits* a, const BFloat16Bits* b, Mask mask) {
    const Words low = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, a));
    if (b == nullptr) return low;
    const Words high = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, b));
    return _mm512_or_si512(low, _mm512_slli_epi32(high, 16));
  }
  static float ToFloat(BFloat16Bits bits) {
    const uint32_t word = uint32_t{bits} << 16;
    float value;
    std::memcpy(&value, &word, sizeof(value));
    return value;
  }
  static Floats Gelu(Floats x) { return RoughGelu(x); }
};

}  // namespace
}  // namespace snapvit
