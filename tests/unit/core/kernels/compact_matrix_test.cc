#include "core/kernels/compact_matrix.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/kernels/kernels.h"
#include "tests/unit/core/kernels/kernels_testing.h"

namespace snapvit {
namespace {

template <typename T>
class CompactMatrixTest : public KernelsTest<T> {};

TYPED_TEST_SUITE(CompactMatrixTest, ElementTypes);

// Values and their scales are such that bytes hold them.
TYPED_TEST(CompactMatrixTest, ACompactMatrixExpandsToThePackedMatrixOfItsValues) {
  using T = TypeParam;
  for (const ScaleOf scale_of : {ScaleOf::kInput, ScaleOf::kOutput}) {
    PackedMatrix<T> expanded;
    for (const int64_t outputs : {84, 5}) {  // the second one in the memory of the first
      constexpr int64_t kInputs = 7;
      std::vector<BFloat16Bits> bits;
      std::vector<T> values;
      for (int64_t i = 0; i < kInputs; ++i) {
        for (int64_t o = 0; o < outputs; ++o) {
          const int64_t group = scale_of == ScaleOf::kInput ? i : o;
          const int64_t place = scale_of == ScaleOf::kInput ? o : i;
          // The largest of each scale is 127 steps; group 3 has nothing but zeros.
          const int64_t steps = group == 3 ? 0 : place == 0 ? -127 : (17 * i + 5 * o) % 255 - 127;
          const double step = std::exp2(static_cast<double>(group % 5) - 2);
          bits.push_back(ToBits(static_cast<float>(steps * step)));
          values.push_back(Rounded<T>(static_cast<float>(steps * step)));
        }
      }
      const auto packed = PackedMatrix<T>::Pack(values.data(), kInputs, outputs, outputs, 1);
      const auto compact =
          CompactMatrix<T>::Pack(bits.data(), kInputs, outputs, outputs, 1, scale_of);
      EXPECT_LE(compact.bytes(), packed.bytes() / 2 + 4 * 128);
      for (const Kernels<T>* kernels : AllCpuKernels<T>()) {
        SCOPED_TRACE(kernels->instruction_set);
        kernels->expand(compact, expanded);
        EXPECT_EQ(expanded.inputs(), kInputs);
        EXPECT_EQ(expanded.outputs(), outputs);
        for (int64_t panel = 0; panel * kPanel < outputs; ++panel) {
          ASSERT_EQ(expanded.panel_width(panel), packed.panel_width(panel));
          for (int64_t word = 0; word < packed.rows() * packed.panel_width(panel); ++word) {
            ASSERT_EQ(expanded.panel(panel)[word], packed.panel(panel)[word]);
          }
        }
      }
    }
  }
}

TEST(CompactMatrix, BytesAreOffByHalfAStepAtMost) {
  if (CpuKernels<BFloat16Bits>() == nullptr) GTEST_SKIP() << "this processor has none for bf16";
  Random random(3, 0);
  constexpr int64_t kInputs = 33, kOutputs = 70;
  std::vector<BFloat16Bits> values(kInputs * kOutputs);
  for (BFloat16Bits& value : values) value = ToBits(static_cast<float>(random.Normal()));
  const auto compact = CompactMatrix<BFloat16Bits>::Pack(values.data(), kInputs, kOutputs, kOutputs,
                                                         1, ScaleOf::kOutput);
  for (const Kernels<BFloat16Bits>* kernels : AllCpuKernels<BFloat16Bits>()) {
    PackedMatrix<BFloat16Bits> expanded;
    kernels->expand(compact, expanded);
    for (int64_t i = 0; i < kInputs; ++i) {
      for (int64_t o = 0; o < kOutputs; ++o) {
        const uint32_t word = expanded.column(
            o / kPanel, o % kPanel)[i / 2 * expanded.strip_width(o / kPanel, o % kPanel)];
        const float actual = ToFloat(static_cast<BFloat16Bits>(i % 2 == 0 ? word : word >> 16));
        const float expected = ToFloat(values[i * kOutputs + o]);
        EXPECT_NEAR(actual, expected, 0.51 * compact.scales()[o] + std::abs(expected) / 256);
      }
    }
  }
}

}  // namespace
}  // namespace snapvit
