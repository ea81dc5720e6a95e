#include "core/snapvit/pca_fitness.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <tuple>

#include "core/elastic/keep_rule.h"
#include "core/image/preprocess.h"
#include "core/model/reference_forward.h"
#include "tests/testing/orderings.h"
#include "tests/testing/random_model.h"
#include "tests/testing/vit_configs.h"

namespace snapvit {
namespace {

constexpr double kNoBound = std::numeric_limits<double>::infinity();
constexpr int kImages = 20;

// The definition: the dense model with pruned units replaced by zero, singular vectors of the
// centred dense embeddings, cosines one by one.
class PlainFitness {
 public:
  PlainFitness(const ModelFolder& folder, const CalibrationSource& source, size_t first_image)
      : folder_(folder) {
    std::vector<at::Tensor> images;
    for (size_t i = first_image; i < first_image + kImages; ++i) {
      const at::Tensor row = at::empty({3, folder.config.image_height, folder.config.image_width});
      EXPECT_TRUE(Preprocess(*source.Get(i), folder.preprocessing,
                             std::span(row.data_ptr<float>(), row.numel()))
                      .ok());
      images.push_back(row);
    }
    pixels_ = at::stack(images);
    dense_ = ReferenceForward(folder.weights, pixels_)->pooled.to(at::kDouble);
  }

  double Evaluate(const Ordering& scaled, const std::vector<PruningRatios>& ratios,
                  int components) const {
    const at::Tensor mean = dense_.mean(0, true);
    const at::Tensor v = std::get<2>(at::svd(dense_ - mean));
    const auto project = [&](const at::Tensor& z) {
      return components == 0 ? z : at::mm(z - mean, v.narrow(1, 0, components));
    };
    const UnitRanking ranking(scaled);
    double sum = 0;
    for (const PruningRatios& pair : ratios) {
      const UnitReplacement zeros = Replacement(ranking, *ranking.Keep(pair.mlp, pair.heads));
      const at::Tensor pruned =
          ReferenceForward(folder_.weights, pixels_, &zeros)->pooled.to(at::kDouble);
      sum += 1 - at::cosine_similarity(project(pruned), project(dense_), 1).mean().item<double>();
    }
    return sum / static_cast<double>(ratios.size());
  }

 private:
  UnitReplacement Replacement(const UnitRanking& ranking, const KeepCounts& keep) const {
    UnitReplacement zeros;
    for (int block = 0; block < folder_.config.depth; ++block) {
      BlockReplacement replacement;
      replacement.channel_keep = at::zeros({folder_.config.mlp_hidden});
      replacement.head_keep = at::zeros({folder_.config.num_heads});
      for (int i = 0; i < keep.channels[block]; ++i) {
        replacement.channel_keep[ranking.channels(block)[i]] = 1;
      }
      for (int i = 0; i < keep.heads[block]; ++i) {
        replacement.head_keep[ranking.heads(block)[i]] = 1;
      }
      zeros.blocks.push_back(replacement);
    }
    return zeros;
  }

  const ModelFolder& folder_;
  at::Tensor pixels_;
  at::Tensor dense_;
};

struct Case {
  std::string name;
  VitConfig config;
  int components;
};

std::vector<Case> Cases() {
  const VitConfig plain = MakeVitConfig(16, 4, 24, 3, 4, 40, 0);
  VitConfig norm_last = plain;
  norm_last.norm_after_pooling = true;
  VitConfig no_bias = plain;
  for (bool* bias :
       {&no_bias.block.query_bias, &no_bias.block.key_bias, &no_bias.block.value_bias}) {
    *bias = false;
  }
  std::vector<Case> cases = {{"ClassToken", plain, 5},
                             {"ClassTokenNormLast", norm_last, 5},
                             {"NoQkvBias", no_bias, 5},
                             {"TooManyComponents", plain, 192},
                             {"TooFewImages", plain, 22}};
  for (NamedVitConfig& family : FamilyConfigs()) cases.push_back({family.name, family.config, 5});
  return cases;
}

class PcaFitnessTest : public ::testing::TestWithParam<int> {
 protected:
  // One a block, then one a head; some are negative, as the search makes them.
  std::vector<double> Multipliers(int shift) const {
    std::vector<double> multipliers;
    for (int i = 0; i < 3 + 3 * 4; ++i) multipliers.push_back(1 + std::sin(7 * i + shift) * 1.3);
    return multipliers;
  }

  std::unique_ptr<PcaFitness> Create(PcaFitnessOptions options) const {
    options.first_image = 4;
    options.images = kImages;
    auto fitness = PcaFitness::Create(folder_, raw_, *source_, options, nullptr);
    EXPECT_TRUE(fitness.ok()) << fitness.status();
    return *std::move(fitness);
  }

  const Case case_ = Cases()[GetParam()];
  const ModelFolder folder_ = RandomModel(case_.config, 5);
  const Ordering raw_ = RandomOrdering(folder_.config, 6);
  const std::unique_ptr<CalibrationSource> source_ = SyntheticCalibration(4 + kImages, 32, 32, 3);
};

TEST_P(PcaFitnessTest, IsTheLossOfTheMaskedModelInThePrincipalSubspace) {
  PcaFitnessOptions options;
  options.components = case_.components;
  options.batch = 8;
  const auto fitness = Create(options);
  // 24 dimensions or more and 20 images: no projection with as many components or more.
  const int used = case_.components < 20 ? case_.components : 0;
  EXPECT_EQ(fitness->components(), used);
  EXPECT_EQ(fitness->images(), static_cast<size_t>(kImages));
  const PlainFitness plain(folder_, *source_, 4);
  for (const int shift : {0, 1, 2}) {
    const std::vector<double> multipliers = Multipliers(shift);
    const auto value = fitness->Evaluate(multipliers, kNoBound, nullptr);
    ASSERT_TRUE(value.ok()) << value.status();
    EXPECT_TRUE(value->whole);
    const double expected = plain.Evaluate(ScaledOrdering(raw_, multipliers), options.ratios, used);
    EXPECT_GT(expected, 0.01);
    EXPECT_NEAR(value->value, expected, 1e-4 * expected) << shift;
  }
}

TEST_P(PcaFitnessTest, InBfloat16ItIsNearlyTheSame) {
  PcaFitnessOptions options;
  options.components = case_.components;
  const double expected = Create(options)->Evaluate(Multipliers(0), kNoBound, nullptr)->value;
  options.dtype = ExecutionDtype::kBFloat16;
  const double value = Create(options)->Evaluate(Multipliers(0), kNoBound, nullptr)->value;
  EXPECT_NE(value, expected);
  EXPECT_NEAR(value, expected, 0.02 * expected);
}

TEST_P(PcaFitnessTest, ABoundGivesALowerBoundOrTheSameValue) {
  PcaFitnessOptions options;
  options.components = case_.components;
  options.batch = 4;
  const auto fitness = Create(options);
  const double value = fitness->Evaluate(Multipliers(0), kNoBound, nullptr)->value;
  for (const double share : {0.1, 0.5, 0.9, 1.1}) {
    const FitnessValue bounded = *fitness->Evaluate(Multipliers(0), share * value, nullptr);
    if (bounded.whole) {
      EXPECT_EQ(bounded.value, value);
    } else {
      EXPECT_LT(share, 1);
      EXPECT_GE(bounded.value, share * value);
      EXPECT_LE(bounded.value, value);
    }
  }
  EXPECT_FALSE(fitness->Evaluate(Multipliers(0), 0.1 * value, nullptr)->whole);
}

TEST_P(PcaFitnessTest, StopsWhenToldTo) {
  const auto fitness = Create({});
  const auto stopped =
      fitness->Evaluate(Multipliers(0), kNoBound, [](const ProgressUpdate&) { return false; });
  EXPECT_EQ(stopped.status().code(), absl::StatusCode::kCancelled);
}

INSTANTIATE_TEST_SUITE_P(Models, PcaFitnessTest,
                         ::testing::Range(0, static_cast<int>(Cases().size())),
                         [](const auto& row) { return Cases()[row.param].name; });

TEST(PcaFitness, NeedsTwoImages) {
  const ModelFolder folder = RandomModel(MakeVitConfig(16, 4, 24, 2, 3, 40, 0), 1);
  PcaFitnessOptions options;
  options.first_image = 3;
  const auto fitness = PcaFitness::Create(folder, RandomOrdering(folder.config, 1),
                                          *SyntheticCalibration(4, 32, 32, 3), options, nullptr);
  EXPECT_EQ(fitness.status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace snapvit
