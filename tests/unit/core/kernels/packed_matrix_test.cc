#include "core/kernels/packed_matrix.h"

#include <gtest/gtest.h>

#include <bit>
#include <vector>

#include "core/kernels/compact_matrix.h"

namespace snapvit {
namespace {

// Element (i, o) of the packed form.
BFloat16Bits Element(const PackedMatrix<BFloat16Bits>& matrix, int64_t input, int64_t panel,
                     int64_t column) {
  const uint32_t word = matrix.panel(panel)[input / 2 * matrix.panel_width(panel) + column];
  return static_cast<BFloat16Bits>(word >> (input % 2 * 16));
}

BFloat16Bits Value(int64_t i, int64_t o) { return static_cast<BFloat16Bits>(1 + i * 1000 + o); }

TEST(PackedMatrix, HoldsEveryWeightInItsPlaceAndZerosBeyond) {
  constexpr int64_t kInputs = 5, kOutputs = 64 + 20;
  std::vector<BFloat16Bits> values;
  for (int64_t o = 0; o < kOutputs; ++o) {
    for (int64_t i = 0; i < kInputs; ++i) values.push_back(Value(i, o));
  }
  const auto matrix =
      PackedMatrix<BFloat16Bits>::Pack(values.data(), kInputs, kOutputs, 1, kInputs);
  EXPECT_EQ(matrix.rows(), 3);
  for (int64_t o = 0; o < 64 + 32; ++o) {
    for (int64_t i = 0; i < 6; ++i) {
      const bool inside = i < kInputs && o < kOutputs;
      EXPECT_EQ(Element(matrix, i, o / 64, o % 64), inside ? Value(i, o) : 0) << i << ", " << o;
    }
  }
}

TEST(PackedMatrix, AGatedPanelHasTheGatesAndTheValuesOfItsChannels) {
  constexpr int64_t kInputs = 4, kChannels = 40;
  std::vector<BFloat16Bits> gates, values;
  for (int64_t i = 0; i < kInputs; ++i) {
    for (int64_t o = 0; o < kChannels; ++o) {
      gates.push_back(Value(i, o));
      values.push_back(Value(i + 10, o));
    }
  }
  const auto matrix = PackedMatrix<BFloat16Bits>::PackGated(gates.data(), values.data(), kInputs,
                                                            kChannels, kChannels, 1);
  for (int64_t o = 0; o < kChannels; ++o) {
    for (int64_t i = 0; i < kInputs; ++i) {
      EXPECT_EQ(Element(matrix, i, o / 32, o % 32), Value(i, o));
      EXPECT_EQ(Element(matrix, i, o / 32, 32 + o % 32), Value(i + 10, o));
    }
  }
}

TEST(CompactMatrix, ExpandsToThePackedMatrixOfItsValues) {
  PackedMatrix<float> expanded;
  for (const int64_t outputs : {84, 5}) {  // the second one in the memory of the first
    constexpr int64_t kInputs = 7;
    std::vector<BFloat16Bits> values;
    std::vector<float> floats;
    for (int64_t i = 0; i < kInputs * outputs; ++i) {
      floats.push_back(static_cast<float>(i % 128) - 60);
      values.push_back(static_cast<BFloat16Bits>(std::bit_cast<uint32_t>(floats.back()) >> 16));
    }
    const auto packed = PackedMatrix<float>::Pack(floats.data(), kInputs, outputs, outputs, 1);
    const auto compact = CompactMatrix::Pack(values.data(), kInputs, outputs, outputs, 1);
    EXPECT_EQ(2 * compact.bytes(), packed.bytes());
    compact.Expand(expanded);
    EXPECT_EQ(expanded.inputs(), kInputs);
    EXPECT_EQ(expanded.outputs(), outputs);
    for (int64_t panel = 0; panel * kPanel < outputs; ++panel) {
      ASSERT_EQ(expanded.panel_width(panel), packed.panel_width(panel));
      for (int64_t word = 0; word < kInputs * packed.panel_width(panel); ++word) {
        ASSERT_EQ(expanded.panel(panel)[word], packed.panel(panel)[word]);
      }
    }
  }
}

}  // namespace
}  // namespace snapvit
