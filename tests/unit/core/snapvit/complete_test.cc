// Orderings that came without corrections and fidelity, on a small random model.
#include "core/snapvit/complete.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/testing/fake_clock.h"
#include "tests/testing/orderings.h"
#include "tests/testing/random_model.h"
#include "tests/testing/view_fidelity.h"
#include "tests/testing/vit_configs.h"

namespace snapvit {
namespace {

using ::testing::HasSubstr;

class CompleteTest : public ::testing::Test {
 protected:
  CompleteTest() { options_.images = 48; }

  absl::StatusOr<Ordering> Complete(const Ordering& ordering) const {
    return CompleteOrdering(folder_, "fingerprint", ordering, *source_, options_, progress_);
  }
  std::shared_ptr<const ElasticModel> Model(const Ordering& ordering, CorrectionMode mode) const {
    ElasticModel::Options options;
    options.ladder = options_.ladder;
    options.ladder.corrections = mode;
    return *ElasticModel::Create(folder_, ordering, options);
  }
  // On images that nothing has seen.
  double Fidelity(const Ordering& ordering, CorrectionMode mode, double budget) const {
    return ViewFidelity(*Model(ordering, mode), budget, *unseen_);
  }

  const VitConfig config_ = MakeVitConfig(16, 4, 48, 3, 4, 192, 0);
  const ModelFolder folder_ = RandomModel(config_, 3);
  const Ordering imported_ = RandomOrdering(config_, 5);
  const std::unique_ptr<CalibrationSource> source_ =
      SyntheticCalibration(CalibrationImagesFor(48), 32, 32, 1);
  const std::unique_ptr<CalibrationSource> unseen_ = SyntheticCalibration(64, 32, 32, 99);
  OrderOptions options_;
  ProgressFn progress_;
};

TEST_F(CompleteTest, AddsWhatIsMissingAndLeavesTheRest) {
  EXPECT_FALSE(IsComplete(imported_, CorrectionMode::kNone));
  const absl::StatusOr<Ordering> completed = Complete(imported_);
  ASSERT_TRUE(completed.ok()) << completed.status();
  EXPECT_TRUE(ValidateOrdering(*completed).ok()) << ValidateOrdering(*completed);
  EXPECT_TRUE(IsComplete(*completed, CorrectionMode::kFull));
  EXPECT_EQ(completed->mlp_scores, imported_.mlp_scores);
  EXPECT_EQ(completed->head_scores, imported_.head_scores);
  EXPECT_TRUE(completed->path.empty()) << "the published one";
  EXPECT_EQ(completed->model_fingerprint, "fingerprint");
  EXPECT_EQ(completed->recipe, imported_.recipe);
  EXPECT_THAT(completed->calibration_source,
              HasSubstr("none; corrections from synthetic, 48 images; fidelity from synthetic"));
  EXPECT_NE(completed->Id(), imported_.Id());
  EXPECT_EQ(Complete(imported_)->Id(), completed->Id()) << "the same again";
  EXPECT_TRUE(Model(*completed, CorrectionMode::kFull)->ladder().has_fidelity());
}

TEST_F(CompleteTest, CorrectedViewsAreCloserToTheDenseModel) {
  const Ordering completed = *Complete(imported_);
  for (const double budget : {0.83, 0.57, 0.41, 0.31}) {
    const double none = Fidelity(imported_, CorrectionMode::kNone, budget);
    EXPECT_GT(Fidelity(completed, CorrectionMode::kFull, budget), none) << budget;
  }
}

TEST_F(CompleteTest, CorrectionsTakeATwentiethOfTheWeightsMemoryAtMost) {
  const Ordering completed = *Complete(imported_);
  const auto model = Model(completed, CorrectionMode::kFull);
  EXPECT_GT(model->correction_bytes(), 0U);
  // The kernels may read a register behind each of the two matrices, which a model of this size can
  // see.
  const size_t behind = 2 * 64 * completed.corrections.low_rank.size();
  EXPECT_LE(model->correction_bytes(), model->weight_bytes() / 20 + behind);
}

// Not where they would stop if corrections cost nothing.
TEST_F(CompleteTest, CorrectionsAreWhereTheRungsStop) {
  const Ordering completed = *Complete(imported_);
  const auto model = Model(completed, CorrectionMode::kFull);
  std::set<std::pair<int, int>> stops;
  for (const Rung& rung : model->ladder().rungs()) {
    for (int block = 0; block < config_.depth; ++block) {
      stops.insert({block, rung.keep.channels[block]});
      stops.insert({config_.depth + block, rung.keep.heads[block]});
    }
  }
  const auto& low_rank = completed.corrections.low_rank;
  const auto used = std::count_if(low_rank.begin(), low_rank.end(), [&](const auto& correction) {
    return stops.contains({correction.structure, correction.keep});
  });
  EXPECT_GE(used, 0.9 * static_cast<double>(low_rank.size()));
}

TEST_F(CompleteTest, ComputesOnlyWhatTheModeAsksFor) {
  options_.ladder.corrections = CorrectionMode::kNone;
  const Ordering measured = *Complete(imported_);
  EXPECT_TRUE(measured.corrections.empty());
  EXPECT_TRUE(IsComplete(measured, CorrectionMode::kNone));
  EXPECT_FALSE(IsComplete(measured, CorrectionMode::kBias));

  options_.ladder.corrections = CorrectionMode::kBias;
  const Ordering with_bias = *Complete(measured);
  EXPECT_FALSE(with_bias.corrections.empty());
  EXPECT_TRUE(with_bias.corrections.low_rank.empty());
  EXPECT_EQ(with_bias.fidelity.corrections, CorrectionMode::kBias) << "measured again";

  // Corrections that are there already are kept.
  Ordering unmeasured = with_bias;
  unmeasured.fidelity = {};
  EXPECT_EQ(Complete(unmeasured)->Id(), with_bias.Id());
}

TEST_F(CompleteTest, KeepsTheBestSoFarWhenTimeIsUp) {
  FakeClock clock;
  options_.clock = &clock;
  options_.time_limit = absl::Seconds(1);
  progress_ = [&clock](const ProgressUpdate&) {
    clock.Advance(absl::Seconds(10));
    return true;
  };
  const absl::StatusOr<Ordering> completed = Complete(imported_);
  ASSERT_TRUE(completed.ok()) << completed.status();
  EXPECT_TRUE(IsComplete(*completed, CorrectionMode::kFull));
}

TEST_F(CompleteTest, StopsWhenAskedTo) {
  for (const char* stage : {"statistics", "corrections", "fidelity"}) {
    progress_ = [stage](const ProgressUpdate& update) { return update.stage != stage; };
    EXPECT_EQ(Complete(imported_).status().code(), absl::StatusCode::kCancelled) << stage;
  }
}

}  // namespace
}  // namespace snapvit
