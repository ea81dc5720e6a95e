#include "core/snapvit/greedy_path.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include "core/elastic/budget_path.h"
#include "core/elastic/correction_set.h"
#include "core/elastic/cost_model.h"
#include "core/elastic/elastic_model.h"
#include "core/elastic/permuted_weights.h"
#include "core/elastic/structure.h"
#include "core/elastic/view_forward.h"
#include "core/snapvit/preprocessed_images.h"
#include "tests/testing/orderings.h"
#include "tests/testing/random_model.h"
#include "tests/testing/view_fidelity.h"
#include "tests/testing/vit_configs.h"

namespace snapvit {
namespace {

class GreedyPathTest : public ::testing::Test {
 protected:
  const ModelFolder folder_ = RandomModel(MakeVitConfig(16, 4, 24, 3, 4, 64, 0), 1);
  const Ordering ordering_ = RandomOrdering(folder_.config, 2);
  const std::unique_ptr<CalibrationSource> source_ = SyntheticCalibration(12, 32, 32, 3);
};

TEST_F(GreedyPathTest, FallsToTheSmallestComputeAboveTheMinimumKeeps) {
  auto path = GreedyPath(folder_, ordering_, *source_, {}, nullptr);
  ASSERT_TRUE(path.ok()) << path.status();
  Ordering found = ordering_;
  found.path = *path;
  EXPECT_TRUE(ValidateOrdering(found).ok()) << ValidateOrdering(found);
  KeepCounts keep = KeepCounts::Dense(folder_.config);
  for (const PathStep& step : *path) {
    if (step.structure < 3) {
      keep.channels[step.structure] = step.keep;
      EXPECT_GE(step.keep, static_cast<int>(64 * ordering_.min_mlp_keep));
    } else {
      keep.heads[step.structure - 3] = step.keep;
      EXPECT_GE(step.keep, static_cast<int>(4 * ordering_.min_head_keep));
    }
  }
  EXPECT_LE(CostModel(folder_.config).Compute(keep), kSmallestPathCompute);
}

// The search as it is described, every view run as a whole: what is kept of earlier runs must not
// change the path.
class PlainSearch {
 public:
  PlainSearch(const ModelFolder& folder, const Ordering& ordering, const at::Tensor& pixels)
      : config_(folder.config),
        cost_(config_),
        weights_(Weights(folder, ordering)),
        pixels_(pixels),
        keep_(KeepCounts::Dense(config_)) {
    const at::Tensor dense = Embed(keep_);
    mean_ = dense.mean(0, /*keepdim=*/true);
    dense_ = dense - mean_;
    for (int32_t structure = 0; structure < 2 * config_.depth; ++structure) {
      levels_.push_back(structure < config_.depth ? ChannelLevels(config_, ordering)
                                                  : HeadLevels(config_, ordering));
    }
  }

  std::vector<PathStep> Run() {
    std::vector<PathStep> path;
    std::vector<double> losses;
    for (const int32_t structure : Order()) losses.push_back(Loss(structure));
    std::vector<bool> now(losses.size(), true);
    while (cost_.Compute(keep_) > 0.95 * kSmallestPathCompute) {
      size_t best = losses.size();
      for (size_t i = 0; i < losses.size(); ++i) {
        if (levels_[Order()[i]].empty()) continue;
        if (best == losses.size() || losses[i] < losses[best]) best = i;
      }
      if (best == losses.size()) break;
      const int32_t structure = Order()[best];
      if (!now[best]) {
        losses[best] = Loss(structure);
        now[best] = true;
        continue;
      }
      const int units = levels_[structure].front();
      levels_[structure].erase(levels_[structure].begin());
      UnitsOf(keep_, structure) = units;
      path.push_back({structure, units});
      now.assign(now.size(), false);
    }
    return path;
  }

 private:
  static PermutedWeights Weights(const ModelFolder& folder, const Ordering& ordering) {
    const UnitRanking ranking(ordering);
    return *Permute(folder.weights, &ranking, at::kFloat);
  }

  // Structures as the halves of the model come.
  std::vector<int32_t> Order() const {
    std::vector<int32_t> order;
    for (int half = 0; half < 2 * config_.depth; ++half) {
      order.push_back(StructureOfHalf(half, config_.depth));
    }
    return order;
  }

  at::Tensor Embed(const KeepCounts& keep) const {
    const View view = MakeView(weights_, CorrectionSet(), keep);
    return PoolDefault(weights_, ViewTokens(weights_, view, pixels_));
  }

  double Fidelity(const KeepCounts& keep) const {
    return at::cosine_similarity(Embed(keep) - mean_, dense_, 1).mean().item<double>();
  }

  double Loss(int32_t structure) const {
    KeepCounts fewer = keep_;
    const int removed = UnitsOf(fewer, structure) - levels_[structure].front();
    UnitsOf(fewer, structure) = levels_[structure].front();
    const bool mlp = structure < config_.depth;
    const double before = keep_ == KeepCounts::Dense(config_) ? 1 : Fidelity(keep_);
    return (before - Fidelity(fewer)) /
           (removed * (mlp ? cost_.flops_per_channel() : cost_.flops_per_head()));
  }

  const VitConfig& config_;
  const CostModel cost_;
  const PermutedWeights weights_;
  const at::Tensor pixels_;
  KeepCounts keep_;
  at::Tensor mean_, dense_;
  std::vector<std::vector<int>> levels_;  // of each structure, falling
};

TEST_F(GreedyPathTest, IsThatOfThePlainSearch) {
  const c10::InferenceMode inference;
  const at::Tensor pixels =
      PreprocessedImages(*source_, folder_.preprocessing, /*first=*/0, /*count=*/12);
  EXPECT_EQ(*GreedyPath(folder_, ordering_, *source_, {}, nullptr),
            PlainSearch(folder_, ordering_, pixels).Run());
}

TEST_F(GreedyPathTest, InBfloat16ItIsAsGood) {
  GreedyPathOptions options;
  options.dtype = ExecutionDtype::kBFloat16;
  const auto fidelity = [&](const GreedyPathOptions& of) {
    Ordering found = ordering_;
    found.path = *GreedyPath(folder_, ordering_, *source_, of, nullptr);
    return ViewFidelity(**ElasticModel::Create(folder_, found, {}), 0.5,
                        *SyntheticCalibration(64, 32, 32, 99));
  };
  EXPECT_NEAR(fidelity(options), fidelity({}), 0.01);
}

TEST_F(GreedyPathTest, IsReproducible) {
  EXPECT_EQ(*GreedyPath(folder_, ordering_, *source_, {}, nullptr),
            *GreedyPath(folder_, ordering_, *source_, {}, nullptr));
}

TEST_F(GreedyPathTest, WithoutTimeItStillEndsWithAWholePath) {
  GreedyPathOptions options;
  options.stop_at = absl::InfinitePast();
  bool cut_short = false;
  const auto path = GreedyPath(folder_, ordering_, *source_, options, nullptr, &cut_short);
  ASSERT_TRUE(path.ok()) << path.status();
  EXPECT_GT(path->size(), 10U);
  EXPECT_TRUE(cut_short);
  EXPECT_TRUE(GreedyPath(folder_, ordering_, *source_, {}, nullptr, &cut_short).ok());
  EXPECT_FALSE(cut_short);
}

TEST_F(GreedyPathTest, StopsWhenToldTo) {
  const auto path =
      GreedyPath(folder_, ordering_, *source_, {}, [](const ProgressUpdate&) { return false; });
  EXPECT_EQ(path.status().code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace snapvit
