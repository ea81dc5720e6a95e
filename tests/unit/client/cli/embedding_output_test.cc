#include "client/cli/embedding_output.h"

#include <gtest/gtest.h>

namespace snapvit::cli {
namespace {

TEST(ShapeEmbedding, TruncatesBeforeItNormalises) {
  client::Embedding embedding{{3, 4, 100}, {3}};
  ShapeEmbedding(2, /*normalize=*/true, embedding);
  EXPECT_EQ(embedding.shape, (std::vector<int64_t>{2}));
  ASSERT_EQ(embedding.values.size(), 2U);
  EXPECT_FLOAT_EQ(embedding.values[0], 0.6F);
  EXPECT_FLOAT_EQ(embedding.values[1], 0.8F);
}

TEST(ShapeEmbedding, EveryPatchByItself) {
  client::Embedding embedding{{3, 4, 1, 0, 2, 1}, {2, 3}};
  ShapeEmbedding(2, /*normalize=*/true, embedding);
  EXPECT_EQ(embedding.shape, (std::vector<int64_t>{2, 2}));
  ASSERT_EQ(embedding.values.size(), 4U);
  EXPECT_FLOAT_EQ(embedding.values[1], 0.8F);
  EXPECT_FLOAT_EQ(embedding.values[3], 1);
}

TEST(ShapeEmbedding, LeavesAZeroVectorAndWhatNobodyAskedToChange) {
  client::Embedding zero{{0, 0}, {2}};
  ShapeEmbedding(0, /*normalize=*/true, zero);
  EXPECT_EQ(zero.values, (std::vector<float>{0, 0}));
  client::Embedding same{{3, 4}, {2}};
  ShapeEmbedding(0, /*normalize=*/false, same);
  EXPECT_EQ(same.values, (std::vector<float>{3, 4}));
}

}  // namespace
}  // namespace snapvit::cli
