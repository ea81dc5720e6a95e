// Views against the dense model with the pruned units cut out, in the reference forward of
// core/model.
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>

#include "core/elastic/elastic_state.h"
#include "core/elastic/view_forward.h"
#include "core/model/reference_forward.h"
#include "tests/testing/orderings.h"
#include "tests/testing/random_model.h"
#include "tests/testing/vit_configs.h"

namespace snapvit {
namespace {

double RelativeError(const at::Tensor& actual, const at::Tensor& expected) {
  return ((actual - expected).abs().max() / expected.std()).item<double>();
}

std::vector<NamedVitConfig> Configs() {
  std::vector<NamedVitConfig> configs = FamilyConfigs();
  configs.push_back({"demo", DemoVit()});
  configs.push_back({"odd_sizes", MakeVitConfig(28, 7, 60, 3, 5, 130, 4)});
  configs.push_back({"no_classifier", MakeVitConfig(30, 10, 72, 5, 3, 200, 0)});
  return configs;
}

class ViewTest : public ::testing::TestWithParam<int> {
 protected:
  static std::shared_ptr<const ElasticModel> Elastic(const ModelFolder& folder,
                                                     const Ordering& ordering, int multiple) {
    ElasticModel::Options options;
    options.kernels = false;  // ATen's views
    options.ladder.channel_multiple = multiple;
    return *ElasticModel::Create(folder, ordering, options);
  }

  const VitConfig config_ = Configs()[GetParam()].config;
  const ModelFolder folder_ = RandomModel(config_, 17 + GetParam());
  const Ordering ordering_ = RandomOrdering(config_, 23 + GetParam());
  const at::Tensor pixels_ =
      at::randn({3, 3, config_.image_height, config_.image_width},
                at::make_generator<at::CPUGeneratorImpl>(5), at::TensorOptions(at::kFloat));
};

// Keeps the first units of the ranking, in the original numbering.
UnitReplacement Mask(const VitConfig& config, const UnitRanking& ranking, const KeepCounts& keep) {
  UnitReplacement mask;
  for (int block = 0; block < config.depth; ++block) {
    BlockReplacement replacement;
    replacement.channel_keep = at::zeros({config.mlp_hidden});
    replacement.head_keep = at::zeros({config.num_heads});
    for (int i = 0; i < keep.channels[block]; ++i) {
      replacement.channel_keep[ranking.channels(block)[i]] = 1;
    }
    for (int i = 0; i < keep.heads[block]; ++i) replacement.head_keep[ranking.heads(block)[i]] = 1;
    mask.blocks.push_back(std::move(replacement));
  }
  return mask;
}

TEST_P(ViewTest, EqualsTheDenseModelWithPrunedUnitsCutOut) {
  for (const int multiple : {1, 16}) {
    const auto model = Elastic(folder_, ordering_, multiple);
    for (const double budget : {0.987, 0.8, 0.75, 0.5, 0.333, 0.26}) {
      const std::optional<int> rung = model->ladder().AtMostCompute(budget);
      if (!rung.has_value()) continue;  // a small model with large channel multiples ends earlier
      const auto& state = model->state();
      const at::Tensor tokens = ViewTokens(state.weights, state.views[*rung], pixels_);
      const UnitReplacement mask =
          Mask(config_, *model->ranking(), model->ladder().rung(*rung).keep);
      const ReferenceOutput expected = *ReferenceForward(folder_.weights, pixels_, &mask);
      EXPECT_LE(RelativeError(tokens, expected.tokens), 1e-5) << budget;
      const at::Tensor pooled = PoolDefault(state.weights, tokens);
      EXPECT_LE(RelativeError(pooled, expected.pooled), 1e-5) << budget;
      if (config_.num_classes > 0) {
        EXPECT_LE(RelativeError(Logits(state.weights, tokens, pooled), expected.logits), 1e-5)
            << budget;
      }
      if (config_.projection_dim > 0) {
        EXPECT_LE(RelativeError(Projection(state.weights, pooled), expected.projected), 1e-5)
            << budget;
      }
    }
  }
}

TEST_P(ViewTest, DenseRungIsTheOriginalModel) {
  const auto model = Elastic(folder_, ordering_, 16);
  const auto& state = model->state();
  const at::Tensor tokens = ViewTokens(state.weights, state.views.back(), pixels_);
  EXPECT_LE(RelativeError(tokens, ReferenceForward(folder_.weights, pixels_)->tokens), 1e-5);
}

// Zero extra bytes: every tensor of every view starts where the dense tensor does and lies in its
// storage.
TEST_P(ViewTest, SharesStorageWithTheDenseWeights) {
  const auto model = Elastic(folder_, ordering_, 16);
  const auto& state = model->state();
  for (const View& view : state.views) {
    for (size_t i = 0; i < view.size(); ++i) {
      const PermutedBlock& block = state.weights.blocks[i];
      const std::pair<at::Tensor, at::Tensor> pairs[] = {
          {view[i].qkv_weight, block.qkv_weight},   {view[i].qkv_bias, block.qkv_bias},
          {view[i].proj_weight, block.proj_weight}, {view[i].fc1_weight, block.fc1_weight},
          {view[i].fc1_bias, block.fc1_bias},       {view[i].fc2_weight, block.fc2_weight}};
      for (const auto& [slice, dense] : pairs) {
        if (!dense.defined()) continue;
        EXPECT_TRUE(slice.is_alias_of(dense));
        if (slice.numel() > 0) {  // ATen gives no address for an empty slice
          EXPECT_EQ(slice.data_ptr(), dense.data_ptr());
        }
        EXPECT_TRUE(slice.is_contiguous());
        EXPECT_LE(slice.nbytes(), dense.nbytes());
      }
    }
  }
}

TEST_P(ViewTest, BatchEqualsSingleImages) {
  const auto model = Elastic(folder_, ordering_, 16);
  const auto& state = model->state();
  const View& view = state.views[model->ladder().size() / 2];
  const at::Tensor batch = ViewTokens(state.weights, view, pixels_);
  for (int64_t i = 0; i < pixels_.size(0); ++i) {
    const at::Tensor single = ViewTokens(state.weights, view, pixels_.narrow(0, i, 1));
    EXPECT_LE(RelativeError(batch.narrow(0, i, 1), single), 1e-5);
  }
}

TEST_P(ViewTest, EmptyBlocksAddTheirBiasOnly) {
  Ordering ordering = ordering_;
  ordering.min_mlp_keep = 0;
  ordering.min_head_keep = 0;
  for (int block = 0; block < config_.depth; ++block) {  // the first block goes wholly, early
    ordering.path.push_back({block, 0});
    ordering.path.push_back({config_.depth + block, 0});
  }
  const auto model = Elastic(folder_, ordering, 1);
  const auto& state = model->state();
  const KeepCounts& keep = model->ladder().rung(0).keep;
  ASSERT_EQ(keep.channels[0], 0);
  const UnitReplacement mask = Mask(config_, *model->ranking(), keep);
  EXPECT_LE(RelativeError(ViewTokens(state.weights, state.views[0], pixels_),
                          ReferenceForward(folder_.weights, pixels_, &mask)->tokens),
            1e-5);
}

TEST_P(ViewTest, Bfloat16StaysCloseToFloat32) {
  ElasticModel::Options options;
  options.dtype = ExecutionDtype::kBFloat16;
  options.kernels = false;
  const auto half = *ElasticModel::Create(folder_, ordering_, options);
  options.dtype = ExecutionDtype::kFloat32;
  const auto full = *ElasticModel::Create(folder_, ordering_, options);
  for (const int rung : {0, full->ladder().dense()}) {
    const at::Tensor actual = RungTokens(*half, rung, pixels_);
    const at::Tensor expected = RungTokens(*full, rung, pixels_);
    EXPECT_EQ(actual.scalar_type(), at::kFloat);
    EXPECT_GE(at::cosine_similarity(actual.flatten(1), expected.flatten(1)).min().item<double>(),
              0.999);
  }
  EXPECT_LT(half->weight_bytes(), full->weight_bytes() * 0.6);
}

// ATen's meta device has shapes and no values, and stands in for a GPU as far as its operators go.
TEST_P(ViewTest, MovedWeightsTakeTheirViewsAndPixelsAlong) {
  const auto model = Elastic(folder_, ordering_, 16);
  const PermutedWeights weights = *To(model->state().weights, at::kMeta);
  EXPECT_EQ(weights.Bytes(), model->weight_bytes());
  const View view = MakeView(weights, CorrectionSet(), model->ladder().rung(0).keep);
  for (const BlockView& block : view) {
    for (const at::Tensor& tensor : {block.qkv_weight, block.proj_weight, block.fc1_weight,
                                     block.fc1_bias, block.fc2_weight}) {
      EXPECT_TRUE(tensor.is_meta());
    }
  }
  if (!config_.norm_before) {  // ATen has no layer norm for its meta device
    EXPECT_TRUE(EmbedPatches(weights, pixels_).is_meta());  // pixels on the CPU
  }
  EXPECT_TRUE(model->state().weights.blocks[0].fc1_weight.is_cpu());
}

TEST_P(ViewTest, MovingToTheSameDeviceCopiesNothing) {
  const auto model = Elastic(folder_, ordering_, 16);
  const PermutedWeights same = *To(model->state().weights, at::kCPU);
  EXPECT_TRUE(same.blocks[0].fc1_weight.is_alias_of(model->state().weights.blocks[0].fc1_weight));
}

TEST(ElasticModel, RefusesAnOrderingOfAnotherShape) {
  const ModelFolder folder = RandomModel(DemoVit(), 1);
  EXPECT_EQ(ElasticModel::Create(folder, RandomOrdering(VitSmall16(), 1), {}).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(ElasticModel, WithoutOrderingIsTheDenseModelAlone) {
  const ModelFolder folder = RandomModel(DemoVit(), 1);
  const auto model = *ElasticModel::Create(folder, std::nullopt, {});
  EXPECT_EQ(model->ladder().size(), 1);
  EXPECT_EQ(model->ordering_id(), "dense");
  EXPECT_EQ(model->parameters(), 2693578U);
}

INSTANTIATE_TEST_SUITE_P(Models, ViewTest, ::testing::Range(0, static_cast<int>(Configs().size())),
                         [](const auto& test) { return Configs()[test.param].name; });

}  // namespace
}  // namespace snapvit
