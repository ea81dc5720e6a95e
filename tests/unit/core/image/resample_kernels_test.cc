#include "core/image/resample_kernels.h"

#include <gtest/gtest.h>

#include <vector>

#include "core/image/resample_taps.h"
#include "tests/unit/core/image/test_images.h"

namespace snapvit {
namespace {

// Resize runs only the fastest kernels of this CPU; the others must give the same bits.
class ResampleKernelsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (Avx2ResampleKernels() == nullptr)
      GTEST_SKIP() << "this CPU has no AVX2: there is only one form to run";
  }
};

TEST_F(ResampleKernelsTest, FormsAgreeAlongRows) {
  for (const int in : {1, 2, 3, 31, 200}) {
    for (const int out : {1, 2, 5, 64, 301}) {
      const Image image = SyntheticImage(in, 7, static_cast<uint32_t>(in * 1000 + out));
      const ResampleTaps taps = MakeResampleTaps(in, out, 0, out, Interpolation::kLanczos);
      std::vector<uint8_t> portable(static_cast<size_t>(out) * 7 * 3), avx2(portable.size());
      const size_t stride = static_cast<size_t>(in) * 3;
      PortableResampleKernels().horizontal(image.rgb.data(), stride, in, 7, taps, portable.data());
      Avx2ResampleKernels()->horizontal(image.rgb.data(), stride, in, 7, taps, avx2.data());
      EXPECT_EQ(portable, avx2) << in << " to " << out;
    }
  }
}

TEST_F(ResampleKernelsTest, FormsAgreeAcrossRows) {
  for (const int width : {1, 10, 11, 32, 101}) {
    const Image image = SyntheticImage(width, 40, static_cast<uint32_t>(width));
    const ResampleTaps taps = MakeResampleTaps(40, 9, 0, 9, Interpolation::kBicubic);
    const size_t stride = static_cast<size_t>(width) * 3;
    for (int i = 0; i < taps.size(); ++i) {
      std::vector<uint8_t> portable(stride), avx2(stride);
      const uint8_t* in = image.rgb.data() + stride * static_cast<size_t>(taps.first[i]);
      const int32_t* weights = &taps.weights[taps.stride * static_cast<size_t>(i)];
      PortableResampleKernels().vertical(in, stride, stride, weights, taps.count[i],
                                         portable.data());
      Avx2ResampleKernels()->vertical(in, stride, stride, weights, taps.count[i], avx2.data());
      EXPECT_EQ(portable, avx2) << width << " row " << i;
    }
  }
}

}  // namespace
}  // namespace snapvit
