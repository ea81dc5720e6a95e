#include "core/snapvit/published_order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "core/base/file.h"
#include "core/snapvit/gradient_scores.h"
#include "core/snapvit/search_checkpoint.h"
#include "tests/testing/random_model.h"
#include "tests/testing/temporary_folder.h"
#include "tests/testing/vit_configs.h"

namespace snapvit {
namespace {

using ::testing::HasSubstr;

constexpr int kEvaluations = 16;

class PublishedOrderTest : public ::testing::Test {
 protected:
  PublishedOrderTest() {
    options_.images = 8;
    options_.evaluations = kEvaluations;
    options_.checkpoint = checkpoint_;
    options_.on_step = [this](const SearchStep& step) { steps_.push_back(step); };
    options_.warn = [this](const std::string& text) { warnings_.push_back(text); };
  }

  absl::StatusOr<Ordering> Compute(const ProgressFn& progress = nullptr) {
    steps_.clear();
    return ComputePublishedOrdering(folder_, "fingerprint", *source_, options_, progress);
  }

  // Runs until `evaluations` are done, then is stopped.
  void Interrupt(size_t evaluations) {
    const absl::StatusOr<Ordering> stopped =
        Compute([this, evaluations](const ProgressUpdate&) { return steps_.size() < evaluations; });
    ASSERT_EQ(stopped.status().code(), absl::StatusCode::kCancelled) << stopped.status();
    ASSERT_EQ(steps_.size(), evaluations);
    ASSERT_TRUE(std::filesystem::exists(checkpoint_));
  }

  const ModelFolder folder_ = RandomModel(MakeVitConfig(16, 4, 24, 2, 3, 40, 0), 1);
  std::unique_ptr<CalibrationSource> source_ =
      SyntheticCalibration(PublishedCalibrationImagesFor(8), 32, 32, 3);
  const TemporaryFolder temporary_;
  const std::string checkpoint_ = temporary_.path() + "/out.partial";
  PublishedOrderOptions options_;
  std::vector<SearchStep> steps_;
  std::vector<std::string> warnings_;
};

TEST_F(PublishedOrderTest, MultipliesTheRawScoresByBlockAndHead) {
  const absl::StatusOr<Ordering> ordering = Compute();
  ASSERT_TRUE(ordering.ok()) << ordering.status();
  EXPECT_TRUE(ValidateOrdering(*ordering).ok());
  EXPECT_EQ(ordering->recipe, "published");
  EXPECT_EQ(ordering->model_fingerprint, "fingerprint");
  EXPECT_TRUE(ordering->path.empty());  // the published curve of ratio pairs
  EXPECT_FALSE(ordering->fidelity.empty());

  GradientScoresOptions gradients;
  gradients.images = 8;
  gradients.local_views = 10;
  gradients.collapsed.emplace();
  const GradientScores raw =
      *ComputeGradientScores(folder_.weights, folder_.preprocessing, *source_, gradients, nullptr);
  for (int i = 0; i < 80; ++i) {
    const int first = i / 40 * 40;
    const double multiplier = ordering->mlp_scores[first] / raw.mlp[first];
    EXPECT_GT(multiplier, 0);
    EXPECT_NEAR(ordering->mlp_scores[i], multiplier * raw.mlp[i], 1e-5 * ordering->mlp_scores[i]);
  }
}

TEST_F(PublishedOrderTest, WithoutEvaluationsTheGradientScoresStayAsTheyAre) {
  options_.evaluations = 0;
  const absl::StatusOr<Ordering> ordering = Compute();
  ASSERT_TRUE(ordering.ok()) << ordering.status();
  EXPECT_TRUE(steps_.empty());
  const SearchCheckpoint checkpoint = *ReadSearchCheckpoint(checkpoint_);
  EXPECT_EQ(ordering->mlp_scores, checkpoint.mlp_scores);
  EXPECT_EQ(ordering->head_scores, checkpoint.head_scores);
  EXPECT_FALSE(ordering->fidelity.empty());
}

TEST_F(PublishedOrderTest, TracesEveryEvaluation) {
  ASSERT_TRUE(Compute().ok());
  ASSERT_EQ(steps_.size(), static_cast<size_t>(kEvaluations));
  for (size_t i = 0; i < steps_.size(); ++i) {
    EXPECT_EQ(steps_[i].evaluation, static_cast<int>(i) + 1);
    if (i == 0) continue;
    EXPECT_LE(steps_[i].best_fitness, steps_[i - 1].best_fitness);
    EXPECT_GE(steps_[i].seconds, steps_[i - 1].seconds);
  }
  EXPECT_LT(steps_.back().best_fitness, steps_.front().best_fitness);
}

TEST_F(PublishedOrderTest, ReportsEvaluationAndBestFitness) {
  std::vector<std::string> stages;
  double last = 0;
  ASSERT_TRUE(Compute([&](const ProgressUpdate& update) {
                EXPECT_GE(update.fraction, last);
                last = update.fraction;
                stages.emplace_back(update.stage);
                return true;
              }).ok());
  EXPECT_DOUBLE_EQ(last, 1);
  EXPECT_THAT(stages, ::testing::Contains(HasSubstr("evaluation 5 of 16, best 0.")));
}

TEST_F(PublishedOrderTest, ResumesToTheSameOrdering) {
  options_.checkpoint = "";
  const Ordering whole = *Compute();
  const std::vector<SearchStep> whole_steps = steps_;
  options_.checkpoint = checkpoint_;
  Interrupt(3);
  Interrupt(11);
  std::vector<std::string> stages;
  const absl::StatusOr<Ordering> resumed = Compute([&](const ProgressUpdate& update) {
    stages.emplace_back(update.stage);
    return true;
  });
  ASSERT_TRUE(resumed.ok()) << resumed.status();
  EXPECT_EQ(resumed->Id(), whole.Id());
  EXPECT_EQ(resumed->calibration_source, whole.calibration_source);
  EXPECT_THAT(stages, ::testing::Not(::testing::Contains("gradients")));
  ASSERT_EQ(steps_.size(), whole_steps.size());
  for (size_t i = 0; i < steps_.size(); ++i) {
    EXPECT_EQ(steps_[i].best_fitness, whole_steps[i].best_fitness) << i;
  }
  EXPECT_TRUE(warnings_.empty()) << warnings_.front();
}

TEST_F(PublishedOrderTest, IgnoresTheCheckpointOfAnotherSearch) {
  Interrupt(5);
  options_.seed = 7;
  ASSERT_TRUE(Compute().ok());
  ASSERT_EQ(warnings_.size(), 1U);
  EXPECT_THAT(warnings_[0], HasSubstr("another search"));
}

TEST_F(PublishedOrderTest, IgnoresADamagedCheckpoint) {
  const std::string id = Compute()->Id();
  std::string bytes = *ReadFile(checkpoint_, 1 << 20);
  bytes[bytes.size() - 3] ^= 0x10;  // a score
  ASSERT_TRUE(WriteFileAtomically(checkpoint_, bytes).ok());
  EXPECT_EQ(Compute()->Id(), id);
  ASSERT_TRUE(WriteFileAtomically(checkpoint_, bytes.substr(0, 100)).ok());
  EXPECT_EQ(Compute()->Id(), id);
  ASSERT_EQ(warnings_.size(), 2U);
  EXPECT_THAT(warnings_[0], HasSubstr("damaged"));
  EXPECT_THAT(warnings_[1], HasSubstr(checkpoint_));
}

TEST_F(PublishedOrderTest, GoesOnIfTheCheckpointCannotBeWritten) {
  options_.checkpoint = temporary_.path() + "/missing/out.partial";
  EXPECT_TRUE(Compute().ok());
  ASSERT_EQ(warnings_.size(), 1U);  // once, not after every evaluation
  EXPECT_THAT(warnings_[0], HasSubstr("cannot be resumed"));
}

TEST_F(PublishedOrderTest, WhenTimeIsUpTheBestSoFarIsKept) {
  options_.time_limit = absl::ZeroDuration();
  const absl::StatusOr<Ordering> ordering = Compute();
  ASSERT_TRUE(ordering.ok()) << ordering.status();
  EXPECT_EQ(steps_.size(), 1U);
  // More time, and the search goes on where it was.
  options_.time_limit = absl::InfiniteDuration();
  ASSERT_TRUE(Compute().ok());
  EXPECT_EQ(steps_.size(), static_cast<size_t>(kEvaluations));
  EXPECT_TRUE(warnings_.empty()) << warnings_.front();
}

TEST_F(PublishedOrderTest, ASmallSourceIsSharedOut) {
  source_ = SyntheticCalibration(6, 32, 32, 3);
  EXPECT_TRUE(Compute().ok());
  source_ = SyntheticCalibration(5, 32, 32, 3);
  EXPECT_EQ(Compute().status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace snapvit
