// The module's own kernels, on the CPU by a stand-in that is built from their source, and graphs.
#include "core/device/cuda_module.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "tests/testing/fake_cuda.h"

namespace snapvit {
namespace {

using ::testing::HasSubstr;

float OfBf16(uint16_t bits) {
  const uint32_t wide = static_cast<uint32_t>(bits) << 16;
  float value = 0;
  std::memcpy(&value, &wide, sizeof(value));
  return value;
}

uint16_t ToBf16(float value) {  // truncated: any bf16 number will do
  uint32_t wide = 0;
  std::memcpy(&wide, &value, sizeof(wide));
  return static_cast<uint16_t>(wide >> 16);
}

struct Case {
  int dim;
  bool bf16 = false;
  bool row = false;  // one row is added to all
  bool scale = false;
};

class AddNormTest : public ::testing::TestWithParam<Case> {
 protected:
  static constexpr int kRows = 5;
  static constexpr double kEps = 1e-6;

  std::vector<float> Random(size_t size, double mean, double deviation) {
    std::normal_distribution<float> normal(static_cast<float>(mean), static_cast<float>(deviation));
    std::vector<float> values(size);
    for (float& value : values) value = normal(random_);
    return values;
  }

  std::mt19937 random_{7};
  const CudaModule module_ = LoadFakeCuda();
};

TEST_P(AddNormTest, AddsAndNorms) {
  const auto [dim, bf16, row, scale] = GetParam();
  const size_t size = static_cast<size_t>(kRows) * dim;
  // A mean far from zero: a variance of raw squares would be lost in it.
  std::vector<float> x = Random(size, 300, 0.5);
  const std::vector<float> before = x;
  const std::vector<float> added = Random(row ? dim : size, 0, 1);
  std::vector<uint16_t> added_bits;
  for (const float value : added) added_bits.push_back(ToBf16(value));
  const std::vector<float> scales = Random(dim, 1, 0.3);
  const std::vector<float> weight = Random(dim, 1, 0.2), bias = Random(dim, 0, 0.2);
  std::vector<float> out(size);
  std::vector<uint16_t> out_bits(size);

  SnapvitAddNorm call = {};
  call.x = x.data();
  call.rows = kRows;
  call.dim = dim;
  call.added = bf16 ? static_cast<const void*>(added_bits.data()) : added.data();
  call.added_element = call.out_element = bf16 ? kSnapvitBf16 : kSnapvitF32;
  call.added_is_row = row ? 1 : 0;
  call.scale = scale ? scales.data() : nullptr;
  call.weight = weight.data();
  call.bias = bias.data();
  call.eps = kEps;
  call.out = bf16 ? static_cast<void*>(out_bits.data()) : out.data();
  ASSERT_TRUE(module_.AddNorm(0, call).ok());

  for (int r = 0; r < kRows; ++r) {
    double mean = 0, variance = 0;
    for (int c = 0; c < dim; ++c) {
      const size_t at = r * static_cast<size_t>(dim) + c;
      const size_t from = row ? c : at;
      const double more = bf16 ? OfBf16(added_bits[from]) : added[from];
      EXPECT_NEAR(x[at], before[at] + (scale ? scales[c] : 1.0) * more, 1e-4) << r << " " << c;
      mean += x[at] / static_cast<double>(dim);
    }
    for (int c = 0; c < dim; ++c) {
      variance += std::pow(x[r * dim + c] - mean, 2) / dim;
    }
    for (int c = 0; c < dim; ++c) {
      const size_t at = r * static_cast<size_t>(dim) + c;
      const double expected = (x[at] - mean) / std::sqrt(variance + kEps) * weight[c] + bias[c];
      const double actual = bf16 ? OfBf16(out_bits[at]) : out[at];
      const double error = bf16 ? std::abs(expected) / 256 + 1e-3 : 1e-3;
      EXPECT_NEAR(actual, expected, error) << r << " " << c;
    }
  }
}

// Widths of a lane's piece and of none, less than a warp and more.
INSTANTIATE_TEST_SUITE_P(Shapes, AddNormTest,
                         ::testing::Values(Case{42}, Case{7, true}, Case{100, false, true},
                                           Case{192, true, false, true}, Case{768, true},
                                           Case{768, false, false, true},
                                           Case{1025, true, true, true}));

TEST(CudaModule, NormsWithoutAddingAndAddsWithoutNorming) {
  const CudaModule module = LoadFakeCuda();
  std::vector<float> x = {1, 3, 5, 7, 2, 4, 6, 8}, out(8);
  const std::vector<float> weight(4, 1), bias(4, 0), added = {1, 1, 1, 2, 0, 0, 0, 1};
  SnapvitAddNorm norm = {};
  norm.x = x.data();
  norm.rows = 2;
  norm.dim = 4;
  norm.weight = weight.data();
  norm.bias = bias.data();
  norm.out = out.data();
  ASSERT_TRUE(module.AddNorm(0, norm).ok());
  EXPECT_EQ(x, (std::vector<float>{1, 3, 5, 7, 2, 4, 6, 8}));
  EXPECT_NEAR(out[0], -3 / std::sqrt(5.0), 1e-6);
  EXPECT_NEAR(out[7], 3 / std::sqrt(5.0), 1e-6);

  SnapvitAddNorm add = {};
  add.x = x.data();
  add.rows = 2;
  add.dim = 4;
  add.added = added.data();
  ASSERT_TRUE(module.AddNorm(0, add).ok());
  EXPECT_EQ(x, (std::vector<float>{2, 4, 6, 9, 2, 4, 6, 9}));
}

// A broken activation must not be served as a number.
TEST(CudaModule, NotANumberStaysOne) {
  const CudaModule module = LoadFakeCuda();
  std::vector<float> x = {std::numeric_limits<float>::quiet_NaN(), 1, 2, 3};
  const std::vector<float> weight(4, 1), bias(4, 0);
  std::vector<uint16_t> out(4);
  SnapvitAddNorm call = {};
  call.x = x.data();
  call.rows = 1;
  call.dim = 4;
  call.weight = weight.data();
  call.bias = bias.data();
  call.out = out.data();
  call.out_element = kSnapvitBf16;
  ASSERT_TRUE(module.AddNorm(0, call).ok());
  for (const uint16_t bits : out) EXPECT_TRUE(std::isnan(OfBf16(bits)));
}

TEST(CudaModule, GathersPatchesRowByRow) {
  constexpr int kImages = 2, kHeight = 6, kWidth = 9, kPatch = 3;
  std::vector<float> pixels(static_cast<size_t>(kImages) * 3 * kHeight * kWidth);
  for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<float>(i);
  std::vector<float> out(pixels.size(), -1);
  SnapvitPatches call = {};
  call.pixels = pixels.data();
  call.images = kImages;
  call.height = kHeight;
  call.width = kWidth;
  call.patch = kPatch;
  call.out = out.data();
  ASSERT_TRUE(LoadFakeCuda().GatherPatches(0, call).ok());
  size_t at = 0;
  for (int image = 0; image < kImages; ++image) {
    for (int i = 0; i < kHeight / kPatch; ++i) {
      for (int j = 0; j < kWidth / kPatch; ++j) {
        for (int channel = 0; channel < 3; ++channel) {
          for (int y = 0; y < kPatch; ++y) {
            for (int x = 0; x < kPatch; ++x, ++at) {
              const int row = (image * 3 + channel) * kHeight + i * kPatch + y;
              ASSERT_EQ(out[at], pixels[row * kWidth + j * kPatch + x]) << at;
            }
          }
        }
      }
    }
  }
}

TEST(CudaModule, AGraphDoesItsWorkAgain) {
  const CudaModule module = LoadFakeCuda();
  int runs = 0;
  const absl::StatusOr<CudaModule::Graph> graph = module.Capture(
      0,
      [&] {
        ++runs;
        return absl::OkStatus();
      },
      nullptr);
  ASSERT_TRUE(graph.ok()) << graph.status();
  const int captured = runs;
  EXPECT_TRUE(graph->Replay().ok());
  EXPECT_TRUE(graph->Replay().ok());
  EXPECT_EQ(runs, captured + 2);
}

TEST(CudaModule, SaysWhatACaptureFailedOf) {
  const CudaModule module = LoadFakeCuda();
  const auto fails = [] { return absl::ResourceExhaustedError("no memory for it"); };
  const absl::Status own = module.Capture(0, fails, nullptr).status();
  EXPECT_EQ(own.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(own.message()), HasSubstr("no memory for it"));
  const absl::Status of_gpu = module
                                  .Capture(
                                      1, [] { return absl::OkStatus(); }, nullptr)
                                  .status();
  EXPECT_EQ(of_gpu.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(of_gpu.message()), HasSubstr("cuda:1: an illegal memory access"));
}

TEST(CudaModule, SaysWhetherItHasKernels) {
  EXPECT_TRUE(LoadFakeCuda().has_kernels());
  EXPECT_FALSE(LoadFakeCuda("bare_gpu").has_kernels());
  const absl::Status failed = LoadFakeCuda().AddNorm(1, SnapvitAddNorm{});
  EXPECT_THAT(std::string(failed.message()), HasSubstr("cuda:1: an illegal memory access"));
}

}  // namespace
}  // namespace snapvit
