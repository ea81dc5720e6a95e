#include "core/kernels/packed_matrix.h"

#include <gtest/gtest.h>

#include <bit>
#include <vector>

namespace snapvit {
namespace {

// Element (i, o) of the packed form.
BFloat16Bits Element(const PackedMatrix<BFloat16Bits>& matrix, int64_t input, int64_t panel,
                     int64_t column) {
  const uint32_t word = matrix.column(panel, column)[input / 2 * matrix.strip_width(panel, column)];
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

}  // namespace
}  // namespace snapvit
