#include "client/request_split.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace snapvit::client {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(SplitIntoRequests, BoundsTheNumberOfImages) {
  const std::vector<size_t> bytes(7, 1);
  EXPECT_THAT(SplitIntoRequests(bytes, {.images = 3, .bytes = 100}),
              ElementsAre(ImageRange{0, 3}, ImageRange{3, 3}, ImageRange{6, 1}));
}

TEST(SplitIntoRequests, BoundsTheBytes) {
  const std::vector<size_t> bytes = {40, 60, 1, 99, 2};
  EXPECT_THAT(SplitIntoRequests(bytes, {.images = 16, .bytes = 100}),
              ElementsAre(ImageRange{0, 2}, ImageRange{2, 2}, ImageRange{4, 1}));
}

TEST(SplitIntoRequests, SendsALargeImageAlone) {
  const std::vector<size_t> bytes = {1, 500, 1};
  EXPECT_THAT(SplitIntoRequests(bytes, {.images = 16, .bytes = 100}),
              ElementsAre(ImageRange{0, 1}, ImageRange{1, 1}, ImageRange{2, 1}));
}

TEST(SplitIntoRequests, NothingGivesNoRequest) {
  EXPECT_THAT(SplitIntoRequests({}, RequestLimits()), IsEmpty());
}

}  // namespace
}  // namespace snapvit::client
