// Registers of AVX-512, under the names that the kernels are written with. Included by the files
// that instantiate them, after <immintrin.h> and inside their target pragma; not by others.

namespace snapvit {
namespace {

using Floats = __m512;
using Words = __m512i;
using Mask = __mmask16;
constexpr int kLanes = 16;
// Vectors of a tile: with six rows 24 of the 32 registers are sums, 4 weights, the rest for the
// rows' values.
constexpr int kTileVectors = 4;

// The first `count` lanes; none and all beyond.
inline Mask FirstLanes(int64_t count) {
  if (count >= kLanes) return 0xFFFF;
  return count <= 0 ? 0 : static_cast<Mask>((1U << count) - 1);
}

inline Floats Zeros() { return _mm512_setzero_ps(); }
inline Floats Set(float x) { return _mm512_set1_ps(x); }
inline Floats Load(const float* p) { return _mm512_loadu_ps(p); }
inline Floats Load(Mask mask, const float* p) { return _mm512_maskz_loadu_ps(mask, p); }
inline void Store(float* p, Floats x) { _mm512_storeu_ps(p, x); }
inline void Store(float* p, Mask mask, Floats x) { _mm512_mask_storeu_ps(p, mask, x); }
// Zero, or another value, in the other lanes.
inline Floats Select(Mask mask, Floats x) { return _mm512_maskz_mov_ps(mask, x); }
inline Floats Select(Mask mask, Floats x, Floats other) {
  return _mm512_mask_mov_ps(other, mask, x);
}

inline Floats Add(Floats a, Floats b) { return _mm512_add_ps(a, b); }
inline Floats Subtract(Floats a, Floats b) { return _mm512_sub_ps(a, b); }
inline Floats Multiply(Floats a, Floats b) { return _mm512_mul_ps(a, b); }
inline Floats MultiplyAdd(Floats a, Floats b, Floats c) { return _mm512_fmadd_ps(a, b, c); }
inline Floats MultiplySubtract(Floats a, Floats b, Floats c) { return _mm512_fmsub_ps(a, b, c); }
// c − a·b
inline Floats SubtractProduct(Floats a, Floats b, Floats c) { return _mm512_fnmadd_ps(a, b, c); }
inline Floats Smaller(Floats a, Floats b) { return _mm512_min_ps(a, b); }
inline Floats Larger(Floats a, Floats b) { return _mm512_max_ps(a, b); }
inline Floats Round(Floats x) {
  return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
// x·2^n for whole n; 0 and infinity beyond the range.
inline Floats TimesPowerOf2(Floats x, Floats n) { return _mm512_scalef_ps(x, n); }
// Relative error below 2^-11.
inline Floats RoughReciprocal(Floats x) { return _mm512_rcp14_ps(x); }
inline Floats SignOf(Floats x) { return _mm512_and_ps(x, _mm512_set1_ps(-0.0F)); }
inline Floats Magnitude(Floats x) { return _mm512_andnot_ps(_mm512_set1_ps(-0.0F), x); }
inline Floats WithSign(Floats x, Floats sign) { return _mm512_or_ps(x, sign); }
inline float Sum(Floats x) { return _mm512_reduce_add_ps(x); }
inline float Largest(Floats x) { return _mm512_reduce_max_ps(x); }

inline Words SetWord(int word) { return _mm512_set1_epi32(word); }
inline Words LoadWords(const uint32_t* p) { return _mm512_loadu_si512(p); }
inline Words LoadWords(Mask mask, const void* p) { return _mm512_maskz_loadu_epi32(mask, p); }
inline void StoreWords(uint32_t* p, Words x) { _mm512_storeu_si512(p, x); }
inline Words Subtract(Words a, Words b) { return _mm512_sub_epi32(a, b); }
inline Words Add(Words a, Words b) { return _mm512_add_epi32(a, b); }
inline int Sum(Words x) { return _mm512_reduce_add_epi32(x); }
// To the nearest whole numbers, of NaN the least one; and back.
inline Words ToWords(Floats x) { return _mm512_cvtps_epi32(x); }
inline Floats ToFloats(Words x) { return _mm512_cvtepi32_ps(x); }
// As signed bytes, the nearest ones.
inline void StoreBytes(int8_t* p, Words x) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtsepi32_epi8(x));
}
inline Floats AsFloats(Words x) { return _mm512_castsi512_ps(x); }
inline Words AsWords(Floats x) { return _mm512_castps_si512(x); }

// Rows become columns.
inline void Transpose(Words (&rows)[kLanes]) {
  Words pairs[kLanes], fours[kLanes];
  for (int i = 0; i < kLanes; i += 2) {
    pairs[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
    pairs[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
  }
  for (int i = 0; i < kLanes; i += 4) {
    fours[i] = _mm512_unpacklo_epi64(pairs[i], pairs[i + 2]);
    fours[i + 1] = _mm512_unpackhi_epi64(pairs[i], pairs[i + 2]);
    fours[i + 2] = _mm512_unpacklo_epi64(pairs[i + 1], pairs[i + 3]);
    fours[i + 3] = _mm512_unpackhi_epi64(pairs[i + 1], pairs[i + 3]);
  }
  // Of fours[4·i + j] quarter k has words j + 4·k of rows 4·i … 4·i + 3.
  for (int j = 0; j < 4; ++j) {
    const Words low01 = _mm512_shuffle_i32x4(fours[j], fours[j + 4], 0x44);
    const Words high01 = _mm512_shuffle_i32x4(fours[j], fours[j + 4], 0xEE);
    const Words low23 = _mm512_shuffle_i32x4(fours[j + 8], fours[j + 12], 0x44);
    const Words high23 = _mm512_shuffle_i32x4(fours[j + 8], fours[j + 12], 0xEE);
    rows[j] = _mm512_shuffle_i32x4(low01, low23, 0x88);
    rows[j + 4] = _mm512_shuffle_i32x4(low01, low23, 0xDD);
    rows[j + 8] = _mm512_shuffle_i32x4(high01, high23, 0x88);
    rows[j + 12] = _mm512_shuffle_i32x4(high01, high23, 0xDD);
  }
}

}  // namespace
}  // namespace snapvit
