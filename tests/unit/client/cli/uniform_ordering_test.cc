#include "client/cli/uniform_ordering.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/elastic/ladder.h"
#include "tests/testing/vit_configs.h"

namespace snapvit::cli {
namespace {

int Spread(const std::vector<int>& counts) {
  const auto [low, high] = std::minmax_element(counts.begin(), counts.end());
  return *high - *low;
}

TEST(UniformOrdering, LadderPrunesAllBlocksAlike) {
  const VitConfig config = DemoVit();
  const Ordering ordering = UniformOrdering(config);
  ASSERT_TRUE(ValidateOrdering(ordering).ok());
  LadderOptions options;
  options.channel_multiple = 1;
  const Ladder ladder = *Ladder::Create(config, &ordering, options);
  EXPECT_GT(ladder.size(), 20);
  for (const Rung& rung : ladder.rungs()) {
    EXPECT_LE(Spread(rung.keep.channels), 1);
    EXPECT_LE(Spread(rung.keep.heads), 1);
  }
}

}  // namespace
}  // namespace snapvit::cli
