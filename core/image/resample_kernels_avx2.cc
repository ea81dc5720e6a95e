// AVX2 forms of the resample kernels. Compiled for every x86-64 build through function attributes,
// run only where the CPU has AVX2. Products are 8 x 23 bits in 32-bit lanes, as in the portable
// form: sums of any order are equal.
#include "core/image/resample_kernels.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include <algorithm>
#include <cstring>
#include <vector>

#define SNAPVIT_AVX2 __attribute__((target("avx2")))

namespace snapvit {
namespace {

constexpr int32_t kHalf = 1 << (kWeightBits - 1);
constexpr int kRowsAtOnce = 4;  // rows that share the loads of weights

// RGB to RGBx, so that two pixels widen to eight 32-bit lanes with one load. One more pixel of
// zeros follows: taps are read in pairs.
void ExpandRow(const uint8_t* rgb, int width, uint8_t* rgbx) {
  for (int x = 0; x < width; ++x, rgb += 3, rgbx += 4) {
    rgbx[0] = rgb[0];
    rgbx[1] = rgb[1];
    rgbx[2] = rgb[2];
    rgbx[3] = 0;
  }
  std::memset(rgbx, 0, 4);
}

// Eight bytes as eight 32-bit lanes.
SNAPVIT_AVX2 inline __m256i Widen(const uint8_t* bytes) {
  return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(bytes)));
}

// Lanes 0-3 and 4-7 are two partial sums of (r, g, b, x). Writes r, g, b.
SNAPVIT_AVX2 inline void StorePixel(__m256i sums, uint8_t* out) {
  __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
  sum = _mm_srai_epi32(_mm_add_epi32(sum, _mm_set1_epi32(kHalf)), kWeightBits);
  sum = _mm_packus_epi16(_mm_packs_epi32(sum, sum), sum);
  const int pixel = _mm_cvtsi128_si32(sum);
  std::memcpy(out, &pixel, 3);
}

// kRowsAtOnce rows of RGBx. Rows beyond `rows` are computed but not stored.
SNAPVIT_AVX2 void HorizontalBlock(const uint8_t* rgbx, size_t rgbx_stride, int rows,
                                  const ResampleTaps& taps, uint8_t* out) {
  const __m256i spread = _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1);
  const size_t out_stride = size_t{3} * static_cast<size_t>(taps.size());
  for (int i = 0; i < taps.size(); ++i) {
    const int32_t* weights = &taps.weights[taps.stride * static_cast<size_t>(i)];
    const uint8_t* pixel = rgbx + size_t{4} * static_cast<size_t>(taps.first[i]);
    __m256i sums[kRowsAtOnce] = {_mm256_setzero_si256(), _mm256_setzero_si256(),
                                 _mm256_setzero_si256(), _mm256_setzero_si256()};
    for (int k = 0; k < taps.count[i]; k += 2, pixel += 8) {
      const __m128i pair = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(weights + k));
      const __m256i weight = _mm256_permutevar8x32_epi32(_mm256_castsi128_si256(pair), spread);
      for (int r = 0; r < kRowsAtOnce; ++r) {
        const __m256i samples = Widen(pixel + rgbx_stride * static_cast<size_t>(r));
        sums[r] = _mm256_add_epi32(sums[r], _mm256_mullo_epi32(samples, weight));
      }
    }
    for (int r = 0; r < rows; ++r) {
      StorePixel(sums[r],
                 out + out_stride * static_cast<size_t>(r) + size_t{3} * static_cast<size_t>(i));
    }
  }
}

void HorizontalAvx2(const uint8_t* in, size_t in_stride, int in_width, int rows,
                    const ResampleTaps& taps, uint8_t* out) {
  const size_t rgbx_stride = size_t{4} * static_cast<size_t>(in_width + 1);
  const size_t out_stride = size_t{3} * static_cast<size_t>(taps.size());
  std::vector<uint8_t> rgbx(rgbx_stride * kRowsAtOnce);
  for (int row = 0; row < rows; row += kRowsAtOnce) {
    const int block = std::min(kRowsAtOnce, rows - row);
    for (int r = 0; r < block; ++r) {
      ExpandRow(in + in_stride * static_cast<size_t>(row + r), in_width,
                rgbx.data() + rgbx_stride * static_cast<size_t>(r));
    }
    HorizontalBlock(rgbx.data(), rgbx_stride, block, taps,
                    out + out_stride * static_cast<size_t>(row));
  }
}

SNAPVIT_AVX2 void VerticalAvx2(const uint8_t* in, size_t in_stride, size_t bytes,
                               const int32_t* weights, int count, uint8_t* out) {
  constexpr size_t kBlock = 32;
  size_t begin = 0;
  for (; begin + kBlock <= bytes; begin += kBlock) {
    __m256i sums[4] = {_mm256_set1_epi32(kHalf), _mm256_set1_epi32(kHalf), _mm256_set1_epi32(kHalf),
                       _mm256_set1_epi32(kHalf)};
    const uint8_t* row = in + begin;
    for (int k = 0; k < count; ++k, row += in_stride) {
      const __m256i weight = _mm256_set1_epi32(weights[k]);
      for (int j = 0; j < 4; ++j) {
        sums[j] = _mm256_add_epi32(sums[j], _mm256_mullo_epi32(Widen(row + 8 * j), weight));
      }
    }
    for (int j = 0; j < 4; ++j) sums[j] = _mm256_srai_epi32(sums[j], kWeightBits);
    const __m256i low = _mm256_packs_epi32(sums[0], sums[1]);
    const __m256i high = _mm256_packs_epi32(sums[2], sums[3]);
    // The packs work on 128-bit halves: put the groups of four back in order.
    const __m256i packed = _mm256_permutevar8x32_epi32(_mm256_packus_epi16(low, high),
                                                       _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + begin), packed);
  }
  if (begin < bytes) {
    PortableResampleKernels().vertical(in + begin, in_stride, bytes - begin, weights, count,
                                       out + begin);
  }
}

}  // namespace

const ResampleKernels* Avx2ResampleKernels() {
  static constexpr ResampleKernels kKernels = {"avx2", HorizontalAvx2, VerticalAvx2};
  static const bool supported = __builtin_cpu_supports("avx2");
  return supported ? &kKernels : nullptr;
}

}  // namespace snapvit

#undef SNAPVIT_AVX2

#else

namespace snapvit {

const ResampleKernels* Avx2ResampleKernels() { return nullptr; }

}  // namespace snapvit

#endif
