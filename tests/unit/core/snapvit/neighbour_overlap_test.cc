#include "core/snapvit/neighbour_overlap.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>

#include <cmath>

namespace snapvit {
namespace {

at::Tensor RandomRows(int64_t images, uint64_t seed) {
  return at::randn({images, 8}, at::make_generator<at::CPUGeneratorImpl>(seed));
}

// Unit vectors at equal angles on a circle, whose mean is zero: the nearest ten of each are the
// five on either side.
at::Tensor Circle(int64_t images) {
  const at::Tensor angles = at::arange(images, at::kDouble) * (2 * M_PI / images);
  return at::stack({angles.cos(), angles.sin()}, 1);
}

TEST(NeighbourOverlap, IsOneOfItselfWhateverTheScale) {
  const at::Tensor dense = RandomRows(40, 1);
  EXPECT_EQ(NeighbourOverlap(dense).Of(dense), 1);
  const at::Tensor mean = dense.mean(0, true);
  EXPECT_EQ(NeighbourOverlap(dense).Of(mean + 3 * (dense - mean)), 1);
}

TEST(NeighbourOverlap, CountsTheNeighboursThatStay) {
  const at::Tensor dense = Circle(101);
  // Image 0 trades places with its opposite: its own neighbours are all others now, and it is no
  // longer one of ten images', whose tenth neighbour is the opposite instead. So is it there.
  const at::Tensor moved = dense.clone();
  moved[0] = dense[50];
  moved[50] = dense[0];
  const double lost = 2 * 10 + 2 * 10;
  EXPECT_NEAR(*NeighbourOverlap(dense).Of(moved), 1 - lost / (101 * 10), 1e-9);
}

TEST(NeighbourOverlap, IsWhatChanceGivesForUnrelatedEmbeddings) {
  const double overlap = *NeighbourOverlap(RandomRows(1500, 1)).Of(RandomRows(1500, 2));
  EXPECT_NEAR(overlap, 10.0 / 1499, 0.003);
}

TEST(NeighbourOverlap, NeedsMoreImagesThanNeighbours) {
  EXPECT_FALSE(NeighbourOverlap(RandomRows(11, 1)).Of(RandomRows(11, 2)).has_value());
  EXPECT_TRUE(NeighbourOverlap(RandomRows(12, 1)).Of(RandomRows(12, 2)).has_value());
}

}  // namespace
}  // namespace snapvit
