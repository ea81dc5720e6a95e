// Registers of AVX2 with FMA, under the names that the kernels are written with. Included by the
// file that instantiates them, after <immintrin.h> and inside its target pragma; not by others.

namespace snapvit {
namespace {

using Floats = __m256;
using Words = __m256i;
constexpr int kLanes = 8;
// Vectors of a tile: with six rows 12 of the 16 registers are sums, 2 weights, the rest for the
// rows' values.
constexpr int kTileVectors = 2;

struct Mask {
  __m256i lanes;
  bool all;  // masked stores are slow on some processors
};

// The first `count` lanes; none and all beyond.
inline Mask FirstLanes(int64_t count) {
  const auto limit = static_cast<int>(count < kLanes ? count : kLanes);
  const __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return {_mm256_cmpgt_epi32(_mm256_set1_epi32(limit), index), count >= kLanes};
}

inline Floats Zeros() { return _mm256_setzero_ps(); }
inline Floats Set(float x) { return _mm256_set1_ps(x); }
inline Floats Load(const float* p) { return _mm256_loadu_ps(p); }
inline Floats Load(const Mask& mask, const float* p) {
  return mask.all ? _mm256_loadu_ps(p) : _mm256_maskload_ps(p, mask.lanes);
}
inline void Store(float* p, Floats x) { _mm256_storeu_ps(p, x); }
inline void Store(float* p, const Mask& mask, Floats x) {
  if (mask.all) return _mm256_storeu_ps(p, x);
  _mm256_maskstore_ps(p, mask.lanes, x);
}
// Zero, or another value, in the other lanes.
inline Floats Select(const Mask& mask, Floats x) {
  return _mm256_and_ps(x, _mm256_castsi256_ps(mask.lanes));
}
inline Floats Select(const Mask& mask, Floats x, Floats other) {
  return _mm256_blendv_ps(other, x, _mm256_castsi256_ps(mask.lanes));
}

inline Floats Add(Floats a, Floats b) { return _mm256_add_ps(a, b); }
inline Floats Subtract(Floats a, Floats b) { return _mm256_sub_ps(a, b); }
inline Floats Multiply(Floats a, Floats b) { return _mm256_mul_ps(a, b); }
inline Floats MultiplyAdd(Floats a, Floats b, Floats c) { return _mm256_fmadd_ps(a, b, c); }
inline Floats MultiplySubtract(Floats a, Floats b, Floats c) { return _mm256_fmsub_ps(a, b, c); }
// c − a·b
inline Floats SubtractProduct(Floats a, Floats b, Floats c) { return _mm256_fnmadd_ps(a, b, c); }
inline Floats Smaller(Floats a, Floats b) { return _mm256_min_ps(a, b); }
inline Floats Larger(Floats a, Floats b) { return _mm256_max_ps(a, b); }
inline Floats Round(Floats x) {
  return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
// x·2^n for whole n; 0 and infinity beyond the range.
inline Floats TimesPowerOf2(Floats x, Floats n) {
  const Floats within = _mm256_min_ps(_mm256_max_ps(n, Set(-127)), Set(128));
  const __m256i bits =
      _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(within), _mm256_set1_epi32(127)), 23);
  return _mm256_mul_ps(x, _mm256_castsi256_ps(bits));
}
// Relative error below 2^-11.
inline Floats RoughReciprocal(Floats x) { return _mm256_rcp_ps(x); }
inline Floats SignOf(Floats x) { return _mm256_and_ps(x, Set(-0.0F)); }
inline Floats Magnitude(Floats x) { return _mm256_andnot_ps(Set(-0.0F), x); }
inline Floats WithSign(Floats x, Floats sign) { return _mm256_or_ps(x, sign); }
inline float Sum(Floats x) {
  __m128 half = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  half = _mm_add_ps(half, _mm_movehl_ps(half, half));
  return _mm_cvtss_f32(_mm_add_ss(half, _mm_movehdup_ps(half)));
}
inline float Largest(Floats x) {
  __m128 half = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  half = _mm_max_ps(half, _mm_movehl_ps(half, half));
  return _mm_cvtss_f32(_mm_max_ss(half, _mm_movehdup_ps(half)));
}

inline Words SetWord(int word) { return _mm256_set1_epi32(word); }
inline Words LoadWords(const uint32_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
inline Words LoadWords(const Mask& mask, const void* p) {
  return _mm256_maskload_epi32(static_cast<const int*>(p), mask.lanes);
}
inline void StoreWords(uint32_t* p, Words x) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), x);
}
inline Words Subtract(Words a, Words b) { return _mm256_sub_epi32(a, b); }
inline Words Add(Words a, Words b) { return _mm256_add_epi32(a, b); }
inline int Sum(Words x) {
  __m128i half = _mm_add_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
  half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4E));
  return _mm_cvtsi128_si32(_mm_add_epi32(half, _mm_shuffle_epi32(half, 0xB1)));
}
// To the nearest whole numbers, of NaN the least one; and back.
inline Words ToWords(Floats x) { return _mm256_cvtps_epi32(x); }
inline Floats ToFloats(Words x) { return _mm256_cvtepi32_ps(x); }
// As signed bytes, the nearest ones.
inline void StoreBytes(int8_t* p, Words x) {
  const __m128i halves = _mm_packs_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packs_epi16(halves, halves));
}
inline Floats AsFloats(Words x) { return _mm256_castsi256_ps(x); }
inline Words AsWords(Floats x) { return _mm256_castps_si256(x); }

// Rows become columns.
inline void Transpose(Words (&rows)[kLanes]) {
  Words pairs[kLanes], fours[kLanes];
  for (int i = 0; i < kLanes; i += 2) {
    pairs[i] = _mm256_unpacklo_epi32(rows[i], rows[i + 1]);
    pairs[i + 1] = _mm256_unpackhi_epi32(rows[i], rows[i + 1]);
  }
  for (int i = 0; i < kLanes; i += 4) {
    fours[i] = _mm256_unpacklo_epi64(pairs[i], pairs[i + 2]);
    fours[i + 1] = _mm256_unpackhi_epi64(pairs[i], pairs[i + 2]);
    fours[i + 2] = _mm256_unpacklo_epi64(pairs[i + 1], pairs[i + 3]);
    fours[i + 3] = _mm256_unpackhi_epi64(pairs[i + 1], pairs[i + 3]);
  }
  // Of fours[4·i + j] half k has words j + 4·k of rows 4·i … 4·i + 3.
  for (int j = 0; j < 4; ++j) {
    rows[j] = _mm256_permute2x128_si256(fours[j], fours[j + 4], 0x20);
    rows[j + 4] = _mm256_permute2x128_si256(fours[j], fours[j + 4], 0x31);
  }
}

}  // namespace
}  // namespace snapvit
