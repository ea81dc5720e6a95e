#include "core/engine/profile.h"

#include <gtest/gtest.h>

#include <fstream>

#include "core/engine/profile_cache.h"
#include "tests/testing/orderings.h"
#include "tests/testing/random_model.h"
#include "tests/testing/temporary_folder.h"
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

// What was measured is there at the next start, and at no other model's, machine's or mode's.
TEST_F(ProfileTest, IsKeptForTheSameModelAndOptionsAlone) {
  const TemporaryFolder folder;
  ProfileOptions options;
  options.batches = {1, 4};
  options.rungs = {0, 5};
  const ProfileCache cache(folder.path(), "fingerprint", *model_, *engine_, options);
  EXPECT_FALSE(cache.Read().has_value());
  std::vector<ProfileCell> cells;
  for (const int rung : options.rungs) {
    for (const int batch : options.batches) {
      cells.push_back({rung, batch, absl::Microseconds(10 + rung), absl::Microseconds(20 + rung),
                       absl::Microseconds(30 + batch)});
    }
  }
  ASSERT_TRUE(cache.Write(cells).ok());
  const auto read = ProfileCache(folder.path(), "fingerprint", *model_, *engine_, options).Read();
  ASSERT_TRUE(read.has_value());
  ASSERT_EQ(read->size(), cells.size());
  for (size_t i = 0; i < cells.size(); ++i) {
    EXPECT_EQ((*read)[i].rung, cells[i].rung);
    EXPECT_EQ((*read)[i].batch, cells[i].batch);
    EXPECT_EQ((*read)[i].min, cells[i].min);
    EXPECT_EQ((*read)[i].p50, cells[i].p50);
    EXPECT_EQ((*read)[i].p95, cells[i].p95);
  }
  EXPECT_NE(ProfileCache(folder.path(), "another", *model_, *engine_, options).path(),
            cache.path());
  ProfileOptions other = options;
  other.batches = {1, 8};
  EXPECT_NE(ProfileCache(folder.path(), "fingerprint", *model_, *engine_, other).path(),
            cache.path());
  const auto one_thread = *Engine::Create({.threads_per_worker = 1});
  const auto three_threads = *Engine::Create({.threads_per_worker = 3});
  EXPECT_NE(ProfileCache(folder.path(), "fingerprint", *model_, *one_thread, options).path(),
            ProfileCache(folder.path(), "fingerprint", *model_, *three_threads, options).path());
}

TEST_F(ProfileTest, ADamagedFileCountsAsNone) {
  const TemporaryFolder folder;
  ProfileOptions options;
  options.batches = {1};
  options.rungs = {0};
  const ProfileCache cache(folder.path(), "fingerprint", *model_, *engine_, options);
  const std::string good = "snapvit profile 1\n0 1 10 20 30\n";
  for (const std::string& text :
       {std::string(), std::string("snapvit profile 1\n"),
        std::string("snapvit profile 9\n0 1 10 20 30\n"), good + "5 1 10 20 30\n",
        std::string("snapvit profile 1\n0 1 -10 20 30\n"),
        std::string("snapvit profile 1\n0 1 10 5 30\n"),
        std::string("snapvit profile 1\n3 1 10 20 30\n"),
        std::string("snapvit profile 1\n0 1 ten 20 30\n")}) {
    std::ofstream(cache.path()) << text;
    EXPECT_FALSE(cache.Read().has_value()) << text;
  }
  std::ofstream(cache.path()) << good;
  EXPECT_TRUE(cache.Read().has_value());
}

TEST_F(ProfileTest, WithoutAFolderNothingIsKept) {
  const ProfileCache cache("", "fingerprint", *model_, *engine_, {});
  EXPECT_TRUE(cache.Write({}).ok());
  EXPECT_FALSE(cache.Read().has_value());
}

TEST(Resemble, ComparesCellsThatBothHave) {
  const auto cell = [](int rung, double ms) {
    return ProfileCell{rung, 4, absl::Milliseconds(ms), absl::Milliseconds(ms),
                       absl::Milliseconds(ms)};
  };
  const std::vector<ProfileCell> kept = {cell(0, 10), cell(5, 20)};
  EXPECT_TRUE(Resemble(std::vector{cell(0, 12), cell(5, 15)}, kept));
  EXPECT_FALSE(Resemble(std::vector{cell(0, 12), cell(5, 31)}, kept));
  EXPECT_FALSE(Resemble(std::vector{cell(0, 6)}, kept));
  EXPECT_TRUE(Resemble(std::vector{cell(7, 1)}, kept));
}

}  // namespace
}  // namespace snapvit
