#include "core/kernels/aligned.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <utility>

namespace snapvit {
namespace {

TEST(AlignedVector, HasRoomForEveryElementWhateverItsSize) {
  for (const size_t size : {1, 1000, 300'000, 1'048'576, 3'000'001}) {
    AlignedVector<uint32_t> vector(size);
    ASSERT_EQ(reinterpret_cast<uintptr_t>(vector.data()) % 64, 0U) << size;
    ASSERT_EQ(vector.size(), size);
    EXPECT_EQ(vector.bytes(), 4 * size);
    for (size_t i = 0; i < size; ++i) vector.data()[i] = static_cast<uint32_t>(i);
    AlignedVector<uint32_t> moved = std::move(vector);
    for (size_t i = 0; i < size; ++i) ASSERT_EQ(moved.data()[i], i);
  }
}

TEST(AlignedVector, GrowsAndNeverShrinks) {
  AlignedVector<char> vector;
  EXPECT_EQ(vector.size(), 0U);
  for (const size_t size : {10, 5'000'000, 100, 6'000'000}) {
    const size_t before = vector.size();
    vector.Reserve(size);
    EXPECT_EQ(vector.size(), std::max(size, before));
    vector.data()[vector.size() - 1] = 1;
  }
}

}  // namespace
}  // namespace snapvit
