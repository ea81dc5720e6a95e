// The default recipe as a whole, on a small random model.
#include "core/snapvit/order.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/file.h"
#include "core/snapvit/synthetic_image.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/random_model.h"
#include "tests/testing/temporary_folder.h"
#include "tests/testing/view_fidelity.h"
#include "tests/testing/vit_configs.h"

namespace snapvit {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// One image, again and again.
class SameImage final : public CalibrationSource {
 public:
  size_t size() const override { return 24; }
  absl::StatusOr<Image> Get(size_t) const override {
    return DrawSyntheticImage(SyntheticKind::kMix, 32, 32, 1, 0);
  }
  std::string Describe() const override { return "copies"; }
};

class OrderTest : public ::testing::Test {
 protected:
  static OrderOptions Options() {
    OrderOptions options;
    options.images = 48;
    return options;
  }
  absl::StatusOr<Ordering> Compute() const {
    return ComputeOrdering(folder_, "fingerprint", *source_, Options(), progress_);
  }
  // Of a run with a checkpoint that is stopped in `stage`.
  absl::Status StoppedIn(const std::string& stage) {
    options_.checkpoint = checkpoint_;
    options_.warn = [this](const std::string& text) { warnings_.push_back(text); };
    stages_.clear();
    const ProgressFn progress = [&](const ProgressUpdate& update) {
      stages_.emplace(update.stage);
      if (on_progress_) on_progress_();
      return update.stage != stage;
    };
    const auto ordering =
        ComputeOrdering(folder_, "fingerprint", *source_, options_, progress, &cut_short_);
    if (ordering.ok()) ordering_ = *ordering;
    return ordering.status();
  }
  // The same under a time limit that is over as soon as anything reports progress.
  absl::Status StoppedInTooShortATime(const std::string& stage) {
    FakeClock clock;
    OrderOptions options = options_;
    options_.clock = &clock;
    options_.time_limit = absl::Seconds(10);
    on_progress_ = [&clock] { clock.Advance(absl::Seconds(20)); };
    const absl::Status status = StoppedIn(stage);
    on_progress_ = nullptr;
    options_.clock = options.clock;
    options_.time_limit = options.time_limit;
    return status;
  }
  std::string Bytes(const Ordering& ordering) const {
    const std::string path = temporary_.path() + "/bytes";
    EXPECT_TRUE(WriteOrdering(ordering, path).ok());
    return *ReadFile(path, 1 << 30);
  }
  // On images that the ordering has not seen.
  double Fidelity(const Ordering& ordering, CorrectionMode mode, double budget) const {
    ElasticModel::Options options;
    options.ladder.corrections = mode;
    return ViewFidelity(**ElasticModel::Create(folder_, ordering, options), budget, *unseen_);
  }

  const VitConfig config_ = MakeVitConfig(16, 4, 48, 3, 4, 192, 0);
  const ModelFolder folder_ = RandomModel(config_, 3);
  const std::unique_ptr<CalibrationSource> source_ =
      SyntheticCalibration(CalibrationImagesFor(48), 32, 32, 1);
  const std::unique_ptr<CalibrationSource> unseen_ = SyntheticCalibration(64, 32, 32, 99);
  ProgressFn progress_;

  const TemporaryFolder temporary_;
  std::string checkpoint_ = temporary_.path() + "/out.partial";
  OrderOptions options_ = Options();
  std::vector<std::string> warnings_;
  std::set<std::string> stages_;  // that the last run came through
  std::function<void()> on_progress_;
  Ordering ordering_;       // of the last run that was not stopped
  bool cut_short_ = false;  // by time
};

TEST_F(OrderTest, IsValidReproducibleAndReadsBackAsWritten) {
  const absl::StatusOr<Ordering> first = Compute();
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_TRUE(ValidateOrdering(*first).ok()) << ValidateOrdering(*first);
  EXPECT_FALSE(first->corrections.low_rank.empty());
  EXPECT_EQ(first->fidelity.corrections, CorrectionMode::kFull);
  EXPECT_EQ(Compute()->Id(), first->Id());
  const std::string path = ::testing::TempDir() + "/order_test.safetensors";
  ASSERT_TRUE(WriteOrdering(*first, path).ok());
  const absl::StatusOr<Ordering> read = ReadOrdering(path);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->Id(), first->Id());
  EXPECT_EQ(read->corrections.low_rank, first->corrections.low_rank);
}

TEST_F(OrderTest, CorrectionsBringEmbeddingsCloserToTheDenseOnes) {
  const Ordering ordering = *Compute();
  for (const double budget : {0.8, 0.5, 0.35}) {
    const double none = Fidelity(ordering, CorrectionMode::kNone, budget);
    const double full = Fidelity(ordering, CorrectionMode::kFull, budget);
    EXPECT_GT(full, none) << budget;
  }
}

TEST_F(OrderTest, CorrectionsTakeATwentiethOfTheWeightsMemoryAtMost) {
  const auto model = *ElasticModel::Create(folder_, *Compute(), {});
  EXPECT_GT(model->correction_bytes(), 0U);
  EXPECT_LE(model->correction_bytes(), model->weight_bytes() / 20);
}

TEST_F(OrderTest, ScoresOrderUnitsAsThePathRemovesThem) {
  const Ordering ordering = *Compute();
  const UnitRanking ranking(ordering);
  // The published rule at the MLP ratio of a view of the path keeps that view's channels.
  KeepCounts keep = KeepCounts::Dense(config_);
  for (const PathStep& step : ordering.path) {
    if (step.structure < config_.depth) keep.channels[step.structure] = step.keep;
  }
  const double left = keep.channels[0] + keep.channels[1] + keep.channels[2];
  const double ratio = 1 - left / (3.0 * config_.mlp_hidden);
  EXPECT_EQ(ranking.Keep(ratio + 1e-9, 0)->channels, keep.channels);
}

TEST_F(OrderTest, StopsWhenAskedTo) {
  progress_ = [](const ProgressUpdate& update) { return update.stage != "elimination"; };
  EXPECT_EQ(Compute().status().code(), absl::StatusCode::kCancelled);
}

TEST_F(OrderTest, AStoppedRunResumesToTheSameOrdering) {
  const Ordering whole = *Compute();
  EXPECT_TRUE(absl::IsCancelled(StoppedIn("budget path")));
  EXPECT_TRUE(absl::IsCancelled(StoppedIn("fidelity")));
  EXPECT_THAT(stages_, Not(Contains("elimination")));
  EXPECT_TRUE(StoppedIn("").ok());
  EXPECT_THAT(stages_, Not(Contains("budget path")));
  EXPECT_THAT(warnings_, IsEmpty());
  EXPECT_FALSE(cut_short_);
  EXPECT_EQ(Bytes(ordering_), Bytes(whole));
}

// Whether it was interrupted as well, and wherever that was.
TEST_F(OrderTest, WhatATimeLimitCutShortIsDoneAgainWithoutIt) {
  const std::string whole = Bytes(*Compute());
  for (const char* stage : {"budget path", "fidelity", ""}) {
    std::filesystem::remove(checkpoint_);
    EXPECT_EQ(StoppedInTooShortATime(stage).ok(), stage[0] == 0);
    EXPECT_TRUE(std::filesystem::exists(checkpoint_));
    ASSERT_TRUE(StoppedIn("").ok());
    EXPECT_THAT(stages_, Contains("statistics")) << stage;
    EXPECT_FALSE(cut_short_);
    EXPECT_EQ(Bytes(ordering_), whole) << stage;
  }
  EXPECT_THAT(warnings_, IsEmpty());
}

// A run takes the time of what is done already for what comes after that; when that is no more than
// there was, it is the end.
TEST_F(OrderTest, UnderOneTimeLimitItGoesOnButNotForEver) {
  ASSERT_TRUE(StoppedInTooShortATime("").ok());
  EXPECT_TRUE(cut_short_);
  const Ordering first = ordering_;
  const absl::Duration limit = absl::Seconds(10);
  EXPECT_TRUE(CanGoOn(checkpoint_, first, limit));
  EXPECT_FALSE(CanGoOn(checkpoint_, first, limit / 4)) << "in less time";

  ASSERT_TRUE(StoppedInTooShortATime("").ok());
  EXPECT_THAT(stages_, Not(Contains("statistics")));
  EXPECT_THAT(stages_, Contains("budget path"));
  EXPECT_TRUE(cut_short_);
  EXPECT_FALSE(CanGoOn(checkpoint_, ordering_, limit));
  EXPECT_TRUE(CanGoOn(checkpoint_, ordering_, 2 * limit));
  EXPECT_TRUE(CanGoOn(checkpoint_, ordering_, absl::InfiniteDuration()));
  Ordering other = ordering_;
  other.mlp_scores[0] += 1;
  EXPECT_FALSE(CanGoOn(checkpoint_, other, 2 * limit)) << "it is of another ordering";

  ASSERT_TRUE(StoppedInTooShortATime("").ok());
  EXPECT_THAT(stages_, ElementsAre("fidelity"));
  ASSERT_TRUE(StoppedIn("").ok());
  EXPECT_FALSE(CanGoOn(checkpoint_, ordering_, absl::InfiniteDuration()));
}

// What a long search left is not lost to a run that is in more of a hurry.
TEST_F(OrderTest, AShorterTimeLimitTakesWhatALongerOneLeft) {
  ASSERT_TRUE(StoppedIn("fidelity").code() == absl::StatusCode::kCancelled);
  ASSERT_TRUE(StoppedInTooShortATime("").ok());
  EXPECT_THAT(stages_, ElementsAre("fidelity"));
  EXPECT_FALSE(cut_short_);
  EXPECT_EQ(ordering_.path, Compute()->path);
}

TEST_F(OrderTest, TooFewImagesAreAnErrorThatNamesTheirNumberAndTheLeast) {
  for (const size_t images : {4, 5, 6, 11}) {
    const auto few = SyntheticCalibration(images, 32, 32, 1);
    const absl::Status status =
        ComputeOrdering(folder_, "fingerprint", *few, Options(), nullptr).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()),
                HasSubstr(absl::StrCat("has ", images, " images, expected at least 12")));
  }
}

TEST_F(OrderTest, TheFewestImagesGiveAnOrderingWhoseCurveEndsAtOne) {
  const auto few = SyntheticCalibration(kFewestCalibrationImages, 32, 32, 1);
  const auto ordering = ComputeOrdering(folder_, "fingerprint", *few, Options(), nullptr);
  ASSERT_TRUE(ordering.ok()) << ordering.status();
  EXPECT_TRUE(ValidateOrdering(*ordering).ok()) << ValidateOrdering(*ordering);
  EXPECT_NEAR(ordering->fidelity.fidelity.back(), 1, 1e-5);
  EXPECT_GT(ordering->fidelity.fidelity.front(), 0);
}

TEST_F(OrderTest, ImagesThatAreAllTheSameAreAnError) {
  const absl::Status status =
      ComputeOrdering(folder_, "fingerprint", SameImage(), Options(), nullptr).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("of copies"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("have the same embedding"));
}

TEST_F(OrderTest, IgnoresTheCheckpointOfOtherOptions) {
  EXPECT_TRUE(absl::IsCancelled(StoppedIn("budget path")));
  options_.seed = 7;
  EXPECT_TRUE(absl::IsCancelled(StoppedIn("budget path")));
  EXPECT_THAT(stages_, Contains("elimination"));
  EXPECT_THAT(warnings_, ElementsAre(HasSubstr("is of another model, options or images")));
}

TEST_F(OrderTest, IgnoresADamagedCheckpoint) {
  EXPECT_TRUE(absl::IsCancelled(StoppedIn("budget path")));
  std::string bytes = *ReadFile(checkpoint_, 1 << 30);
  bytes[bytes.size() - 5] ^= 1;
  ASSERT_TRUE(WriteFileAtomically(checkpoint_, bytes).ok());
  EXPECT_TRUE(absl::IsCancelled(StoppedIn("budget path")));
  EXPECT_THAT(warnings_, ElementsAre(AllOf(HasSubstr(checkpoint_), HasSubstr("is damaged"))));
}

TEST_F(OrderTest, ComputesAlthoughTheCheckpointCannotBeWritten) {
  checkpoint_ = temporary_.path() + "/missing/out.partial";
  EXPECT_TRUE(StoppedIn("").ok());
  EXPECT_THAT(warnings_, Contains(HasSubstr("cannot be resumed")));
}

class FamilyOrderTest : public ::testing::TestWithParam<int> {};

TEST_P(FamilyOrderTest, CorrectionsBringItsEmbeddingsCloserToTheDenseOnes) {
  const ModelFolder folder = RandomModel(FamilyConfigs()[GetParam()].config, 3);
  const auto source = SyntheticCalibration(CalibrationImagesFor(64), 32, 32, 1);
  OrderOptions options;
  options.images = 64;
  const auto ordering = ComputeOrdering(folder, "fingerprint", *source, options, nullptr);
  ASSERT_TRUE(ordering.ok()) << ordering.status();
  ASSERT_TRUE(CheckOrderingFits(*ordering, folder.config, "fingerprint").ok());
  const auto unseen = SyntheticCalibration(64, 32, 32, 99);
  const auto fidelity = [&](CorrectionMode mode, double budget) {
    ElasticModel::Options elastic;
    elastic.ladder.corrections = mode;
    return ViewFidelity(**ElasticModel::Create(folder, *ordering, elastic), budget, *unseen);
  };
  for (const double budget : {0.8, 0.5}) {
    EXPECT_GT(fidelity(CorrectionMode::kFull, budget), fidelity(CorrectionMode::kNone, budget))
        << budget;
  }
}

INSTANTIATE_TEST_SUITE_P(Families, FamilyOrderTest,
                         ::testing::Range(0, static_cast<int>(FamilyConfigs().size())),
                         [](const auto& test) { return FamilyConfigs()[test.param].name; });

// LayerScale is a diagonal matrix behind the output matrix: what is folded into it changes nothing
// about which units matter.
TEST(LayerScale, OrdersAsTheModelThatItIsFoldedInto) {
  VitConfig config = MakeVitConfig(16, 4, 48, 3, 4, 96, 0);
  ModelFolder folded = RandomModel(config, 3);
  ModelFolder scaled = folded;
  scaled.config.block.layer_scale = scaled.weights.config.block.layer_scale = true;
  auto generator = at::make_generator<at::CPUGeneratorImpl>(4);
  const auto split = [&](Linear& layer, at::Tensor& scale) {
    // Powers of two: the products round alike.
    scale = at::pow(2.0, at::randint(-3, 4, {48}, generator).to(at::kFloat));
    layer.weight = layer.weight / scale.unsqueeze(1);
    layer.bias = layer.bias / scale;
  };
  for (BlockWeights& block : scaled.weights.blocks) {
    split(block.proj, block.scale1);
    split(block.fc2, block.scale2);
  }
  const auto source = SyntheticCalibration(CalibrationImagesFor(48), 32, 32, 1);
  OrderOptions options;
  options.images = 48;
  const Ordering expected = *ComputeOrdering(folded, "f", *source, options, nullptr);
  const Ordering ordering = *ComputeOrdering(scaled, "f", *source, options, nullptr);
  for (int block = 0; block < config.depth; ++block) {
    EXPECT_EQ(UnitRanking(ordering).channels(block), UnitRanking(expected).channels(block));
    EXPECT_EQ(UnitRanking(ordering).heads(block), UnitRanking(expected).heads(block));
  }
  // Corrections are rounded to bf16 before LayerScale, so that steps of the path that are worth the
  // same may change places.
  const auto fidelity = [](const ModelFolder& model, const Ordering& its) {
    return ViewFidelity(**ElasticModel::Create(model, its, {}), 0.5,
                        *SyntheticCalibration(64, 32, 32, 99));
  };
  EXPECT_NEAR(fidelity(scaled, ordering), fidelity(folded, expected), 0.01);
}

}  // namespace
}  // namespace snapvit
