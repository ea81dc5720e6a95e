// Corrected views against the dense model whose pruned units are replaced by their means, in the
// reference forward of core/model.
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>

#include <cstring>

#include "core/elastic/elastic_state.h"
#include "core/elastic/view_forward.h"
#include "core/model/reference_forward.h"
#include "tests/testing/orderings.h"
#include "tests/testing/random_model.h"
#include "tests/testing/vit_configs.h"

namespace snapvit {
namespace {

constexpr int kChannelsLeft = 32;  // in block 1
constexpr int kHeadsLeft = 2;      // in block 0
constexpr int kRank = 3;

at::Tensor Noise(at::IntArrayRef shape, uint64_t seed) {
  return at::randn(shape, at::make_generator<at::CPUGeneratorImpl>(seed),
                   at::TensorOptions(at::kFloat));
}

std::vector<uint16_t> Bits(const at::Tensor& tensor) {
  const at::Tensor rounded = tensor.to(at::kBFloat16).contiguous();
  std::vector<uint16_t> bits(rounded.numel());
  std::memcpy(bits.data(), rounded.data_ptr(), bits.size() * sizeof(uint16_t));
  return bits;
}

std::vector<float> Values(const at::Tensor& tensor) {
  const at::Tensor values = tensor.contiguous();
  return {values.data_ptr<float>(), values.data_ptr<float>() + values.numel()};
}

class CorrectionTest : public ::testing::Test {
 protected:
  CorrectionTest() {
    ordering_.path = {{1, kChannelsLeft}, {3, kHeadsLeft}};
    Corrections& corrections = ordering_.corrections;
    corrections.embed_dim = config_.embed_dim;
    corrections.head_dim = config_.head_dim;
    corrections.mlp_means = Values(Noise({3, 64}, 3));
    corrections.head_means = Values(Noise({3, 4, config_.head_dim}, 4));
    corrections.low_rank = {
        {1, kChannelsLeft, kRank, Bits(channel_in_), Bits(channel_out_)},
        {3, kHeadsLeft, kRank, Bits(head_in_), Bits(head_out_)},
    };
  }

  std::shared_ptr<const ElasticModel> Load(CorrectionMode mode) const {
    ElasticModel::Options options;
    options.kernels = false;      // ATen's views
    options.ladder.rungs = 1024;  // every step of the path is a rung
    options.ladder.corrections = mode;
    return *ElasticModel::Create(folder_, ordering_, options);
  }

  static at::Tensor Embedding(const ElasticModel& model, int rung, const at::Tensor& pixels) {
    const auto& state = model.state();
    return PoolDefault(state.weights, ViewTokens(state.weights, state.views[rung], pixels));
  }

  // The smallest view: pruned units replaced by their means.
  UnitReplacement Replaced() const {
    UnitReplacement replacement;
    replacement.blocks.resize(3);
    const UnitRanking ranking(ordering_);
    BlockReplacement& mlp = replacement.blocks[1];
    mlp.channel_keep = at::zeros({64});
    for (int i = 0; i < kChannelsLeft; ++i) mlp.channel_keep[ranking.channels(1)[i]] = 1;
    mlp.channel_constant = Noise({3, 64}, 3)[1];
    BlockReplacement& attention = replacement.blocks[0];
    attention.head_keep = at::zeros({4});
    for (int i = 0; i < kHeadsLeft; ++i) attention.head_keep[ranking.heads(0)[i]] = 1;
    attention.head_constant = Noise({3, 4, config_.head_dim}, 4)[0];
    return replacement;
  }

  const VitConfig config_ = [] {
    VitConfig config = MakeVitConfig(16, 4, 24, 3, 4, 64, 5);
    config.block.layer_scale = true;  // comes after what makes up for pruned units
    return config;
  }();
  const ModelFolder folder_ = RandomModel(config_, 1);
  const at::Tensor channel_in_ = Noise({kChannelsLeft, kRank}, 5) * 0.1;
  const at::Tensor channel_out_ = Noise({kRank, 24}, 6);
  const at::Tensor head_in_ = Noise({kHeadsLeft * 6, kRank}, 7) * 0.1;
  const at::Tensor head_out_ = Noise({kRank, 24}, 8);
  Ordering ordering_ = RandomOrdering(config_, 2);
  const at::Tensor pixels_ = Noise({3, 3, 16, 16}, 9);
};

TEST_F(CorrectionTest, BiasPutsMeansInThePlaceOfPrunedUnits) {
  const auto model = Load(CorrectionMode::kBias);
  const UnitReplacement replacement = Replaced();
  const at::Tensor expected = ReferenceForward(folder_.weights, pixels_, &replacement)->pooled;
  EXPECT_TRUE(at::allclose(Embedding(*model, 0, pixels_), expected, 1e-4, 1e-5));
  EXPECT_FALSE(
      at::allclose(Embedding(*Load(CorrectionMode::kNone), 0, pixels_), expected, 1e-2, 1e-2));
}

TEST_F(CorrectionTest, FullAddsTheLowRankPredictionOfWhatTheMeansLeaveOut) {
  // in·out goes into the weights of the kept units, and its value at their means out of the bias.
  ModelFolder changed = folder_;
  const UnitRanking ranking(ordering_);
  const auto fold = [](at::Tensor& weight, at::Tensor& bias, const std::vector<int64_t>& rows,
                       const at::Tensor& means, const at::Tensor& in, const at::Tensor& out) {
    const at::Tensor added =
        at::matmul(in.to(at::kBFloat16).to(at::kFloat), out.to(at::kBFloat16).to(at::kFloat));
    weight = weight.clone();
    bias = bias - at::matmul(means.index_select(0, at::tensor(rows)), added);
    weight.index_add_(1, at::tensor(rows), added.t().contiguous());
  };
  std::vector<int64_t> channels(ranking.channels(1).begin(),
                                ranking.channels(1).begin() + kChannelsLeft);
  BlockWeights& mlp = changed.weights.blocks[1];
  fold(mlp.fc2.weight, mlp.fc2.bias, channels, Noise({3, 64}, 3)[1], channel_in_, channel_out_);
  std::vector<int64_t> rows;
  for (int i = 0; i < kHeadsLeft; ++i) {
    for (int j = 0; j < config_.head_dim; ++j) {
      rows.push_back(ranking.heads(0)[i] * config_.head_dim + j);
    }
  }
  BlockWeights& attention = changed.weights.blocks[0];
  fold(attention.proj.weight, attention.proj.bias, rows,
       Noise({3, 4, config_.head_dim}, 4)[0].flatten(), head_in_, head_out_);

  const UnitReplacement replacement = Replaced();
  const at::Tensor expected = ReferenceForward(changed.weights, pixels_, &replacement)->pooled;
  EXPECT_TRUE(
      at::allclose(Embedding(*Load(CorrectionMode::kFull), 0, pixels_), expected, 1e-4, 1e-5));
}

TEST_F(CorrectionTest, DenseRungStaysTheOriginalModel) {
  const auto model = Load(CorrectionMode::kFull);
  const at::Tensor expected = ReferenceForward(folder_.weights, pixels_)->pooled;
  EXPECT_TRUE(
      at::allclose(Embedding(*model, model->ladder().dense(), pixels_), expected, 1e-4, 1e-5));
}

TEST_F(CorrectionTest, ViewsWithAsManyUnitsShareTables) {
  const auto model = Load(CorrectionMode::kFull);
  ASSERT_EQ(model->ladder().size(), 3);
  const auto& views = model->state().views;
  EXPECT_EQ(views[0][1].fc2_in.data_ptr(), views[1][1].fc2_in.data_ptr());
  EXPECT_FALSE(views[1][0].proj_in.defined());  // all heads are there
}

TEST_F(CorrectionTest, ComputeCountsTheLowRankProducts) {
  const Rung full = Load(CorrectionMode::kFull)->ladder().rung(0);
  const Rung none = Load(CorrectionMode::kNone)->ladder().rung(0);
  const double flops = 2.0 * config_.tokens() * kRank *
                       ((kChannelsLeft + 24) + (kHeadsLeft * config_.head_dim + 24));
  EXPECT_NEAR(full.gflops - none.gflops, flops * 1e-9, 1e-15);
  EXPECT_NEAR(full.correction_share, flops * 1e-9 / full.gflops, 1e-12);
  EXPECT_EQ(none.correction_share, 0);
}

TEST_F(CorrectionTest, FidelityOfOtherCorrectionsIsNotShown) {
  ordering_.fidelity.compute = {0.5F, 1.0F};
  ordering_.fidelity.fidelity = {0.9F, 1.0F};
  ordering_.fidelity.standard_error = {0.0F, 0.0F};
  ordering_.fidelity.corrections = CorrectionMode::kFull;
  EXPECT_TRUE(Load(CorrectionMode::kFull)->ladder().has_fidelity());
  EXPECT_FALSE(Load(CorrectionMode::kNone)->ladder().has_fidelity());
}

}  // namespace
}  // namespace snapvit
