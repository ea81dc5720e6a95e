#include "core/engine/profile.h"

#include <gtest/gtest.h>

#include "tests/testing/orderings.h"
#include "tests/testing/random_model.h"
#include "tests/testing/vit_configs.h"

namespace snapvit {
namespace {

class ProfileTest : public ::testing::Test {
 protected:
  void SetUp() override { engine_->StartWorker(0); }
  const std::shared_ptr<const ElasticModel> model_ =
      *ElasticModel::Create(RandomModel(DemoVit(), 3), RandomOrdering(DemoVit(), 3), {});
  const std::unique_ptr<Engine> engine_ = *Engine::Create({});
};

TEST_F(ProfileTest, HasACellForEveryRungAndBatchInOrder) {
  ProfileOptions options;
  options.batches = {1, 3};
  options.rungs = {0, 7};
  options.repetitions = 2;
  double last = 0;
  const auto cells =
      *ProfileEngine(*engine_, model_, options, [&last](const ProgressUpdate& update) {
        EXPECT_GT(update.fraction, last);
        last = update.fraction;
        return true;
      });
  EXPECT_EQ(last, 1);
  ASSERT_EQ(cells.size(), 4U);
  EXPECT_EQ(cells[1].rung, 0);
  EXPECT_EQ(cells[1].batch, 3);
  EXPECT_EQ(cells[2].rung, 7);
  for (const ProfileCell& cell : cells) {
    EXPECT_GT(cell.min, absl::ZeroDuration());
    EXPECT_LE(cell.min, cell.p50);
    EXPECT_LE(cell.p50, cell.p95);
  }
}

TEST_F(ProfileTest, CoversEveryCellEvenWithoutTime) {
  ProfileOptions options;
  options.batches = {1};
  options.time_limit = absl::ZeroDuration();
  EXPECT_EQ(ProfileEngine(*engine_, model_, options, nullptr)->size(),
            static_cast<size_t>(model_->ladder().size()));
}

TEST_F(ProfileTest, StopsWhenAskedTo) {
  EXPECT_EQ(ProfileEngine(*engine_, model_, {}, [](const ProgressUpdate&) { return false; })
                .status()
                .code(),
            absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace snapvit
