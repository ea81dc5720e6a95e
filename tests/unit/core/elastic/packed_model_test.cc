// The forward pass of the processor's own kernels in each dtype, against ATen's in f32 and bf16.
#include "core/elastic/packed_model.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/elastic/elastic_state.h"
#include "core/elastic/view_forward.h"
#include "core/kernels/kernels.h"
#include "tests/testing/orderings.h"
#include "tests/testing/random_model.h"
#include "tests/testing/vit_configs.h"

namespace snapvit {
namespace {

// Of tokens of random models in int8, centred; the least of all was 0.998.
constexpr double kLeastInt8Cosine = 0.996;

std::vector<NamedVitConfig> Configs() {
  std::vector<NamedVitConfig> configs = FamilyConfigs();
  // Heads as wide as a panel, whose queries are left out of the last block; odd widths.
  configs.push_back({"heads_of_64", MakeVitConfig(32, 8, 192, 3, 3, 200, 5)});
  configs.push_back({"odd_width", MakeVitConfig(21, 7, 42, 2, 3, 65, 3)});
  return configs;
}

class PackedModelTest : public ::testing::TestWithParam<int> {
 protected:
  // What the processor has kernels for.
  std::vector<ExecutionDtype> Dtypes() const {
    std::vector<ExecutionDtype> dtypes = {ExecutionDtype::kBFloat16, ExecutionDtype::kFloat32};
    if (PackedModel::Supports(config_, at::kChar)) dtypes.push_back(ExecutionDtype::kInt8);
    return dtypes;
  }

  void SetUp() override {
    if (!PackedModel::Supports(config_, at::kBFloat16))
      GTEST_SKIP() << "this processor has no kernels";
    ordering_.path.clear();
    for (int block = 0; block < config_.depth; ++block) {  // one block goes wholly, early
      ordering_.path.push_back({block, config_.mlp_hidden / 2 + 1});
    }
    ordering_.min_mlp_keep = ordering_.min_head_keep = 0;
    ordering_.path.push_back({1, 0});
    ordering_.path.push_back({config_.depth, 1});
    ordering_.path.push_back({2 * config_.depth - 1, 0});
    AddCorrections();
  }

  // Random means, and low-rank tables of an odd rank.
  void AddCorrections() {
    auto& corrections = ordering_.corrections;
    corrections.embed_dim = config_.embed_dim;
    corrections.head_dim = config_.head_dim;
    corrections.mlp_means = Values({config_.depth, config_.mlp_hidden}, 0.2);
    corrections.head_means = Values({config_.depth, config_.num_heads, config_.head_dim}, 0.2);
    LowRankCorrection low_rank;
    low_rank.structure = 0;
    low_rank.keep = config_.mlp_hidden / 2 + 1;
    low_rank.rank = 3;
    low_rank.in = BFloat16({low_rank.keep, low_rank.rank}, 0.05);
    low_rank.out = BFloat16({low_rank.rank, config_.embed_dim}, 1);
    corrections.low_rank = {low_rank};
  }

  at::Tensor Noise(at::IntArrayRef shape, double scale) {
    return scale * at::randn(shape, generator_, at::TensorOptions(at::kFloat));
  }
  std::vector<float> Values(at::IntArrayRef shape, double scale) {
    const at::Tensor values = Noise(shape, scale);
    return {values.data_ptr<float>(), values.data_ptr<float>() + values.numel()};
  }
  std::vector<uint16_t> BFloat16(at::IntArrayRef shape, double scale) {
    const at::Tensor values = Noise(shape, scale).to(at::kBFloat16).contiguous();
    const auto* bits = static_cast<const uint16_t*>(values.const_data_ptr());
    return {bits, bits + values.numel()};
  }

  std::shared_ptr<const ElasticModel> Elastic(ExecutionDtype dtype, bool kernels) const {
    ElasticModel::Options options;
    options.dtype = dtype;
    options.kernels = kernels;
    options.ladder.channel_multiple = 1;
    options.ladder.corrections = CorrectionMode::kFull;
    const auto model = ElasticModel::Create(folder_, ordering_, options);
    EXPECT_TRUE(model.ok()) << model.status();
    return *model;
  }

  static double LeastCosine(const at::Tensor& a, const at::Tensor& b) {
    return at::cosine_similarity(a.flatten(1), b.flatten(1)).min().item<double>();
  }

  // After subtracting the mean over the images of `expected`, which all have in common.
  static double LeastCentredCosine(const at::Tensor& a, const at::Tensor& expected) {
    const at::Tensor mean = expected.mean(0, /*keepdim=*/true);
    return LeastCosine(a - mean, expected - mean);
  }

  at::Generator generator_ = at::make_generator<at::CPUGeneratorImpl>(4);
  const VitConfig config_ = Configs()[GetParam()].config;
  const ModelFolder folder_ = RandomModel(config_, 11 + GetParam());
  Ordering ordering_ = RandomOrdering(config_, 12 + GetParam());
  const at::Tensor pixels_ = Noise({5, 3, config_.image_height, config_.image_width}, 1);
};

TEST_P(PackedModelTest, EveryRungIsAsCloseToFloat32AsAtensBfloat16) {
  const auto exact = Elastic(ExecutionDtype::kFloat32, false);
  const auto aten = Elastic(ExecutionDtype::kBFloat16, false);
  const auto packed = Elastic(ExecutionDtype::kBFloat16, true);
  ASSERT_TRUE(packed->uses_kernels());
  ASSERT_FALSE(aten->uses_kernels());
  ASSERT_GT(packed->ladder().size(), 3);
  for (int rung = 0; rung < packed->ladder().size(); ++rung) {
    const at::Tensor expected = RungTokens(*exact, rung, pixels_);
    const double of_aten = LeastCosine(RungTokens(*aten, rung, pixels_), expected);
    const double of_packed = LeastCosine(RungTokens(*packed, rung, pixels_), expected);
    EXPECT_GE(of_packed, 0.999) << rung;
    EXPECT_LE(1 - of_packed, 1.5 * (1 - of_aten) + 1e-6) << rung;
  }
}

TEST_P(PackedModelTest, EveryRungIsAtensInFloat32) {
  const auto aten = Elastic(ExecutionDtype::kFloat32, false);
  const auto packed = Elastic(ExecutionDtype::kFloat32, true);
  ASSERT_TRUE(packed->uses_kernels());
  for (int rung = 0; rung < packed->ladder().size(); ++rung) {
    const at::Tensor expected = RungTokens(*aten, rung, pixels_);
    const at::Tensor error = (RungTokens(*packed, rung, pixels_) - expected).abs().max();
    EXPECT_LE((error / expected.std()).item<double>(), 1e-4) << rung;
  }
}

// Views of int8 differ from the masked model more than by rounding, as the scales of their rows are
// those of the units that they keep: what they are to be close to is the same view in f32.
TEST_P(PackedModelTest, EveryRungInInt8IsCloseToFloat32) {
  if (!PackedModel::Supports(config_, at::kChar)) GTEST_SKIP() << "no kernels for int8";
  const auto exact = Elastic(ExecutionDtype::kFloat32, false);
  const auto packed = Elastic(ExecutionDtype::kInt8, true);
  ASSERT_TRUE(packed->uses_kernels());
  for (int rung = 0; rung < packed->ladder().size(); ++rung) {
    const double cosine =
        LeastCentredCosine(RungTokens(*packed, rung, pixels_), RungTokens(*exact, rung, pixels_));
    EXPECT_GE(cosine, kLeastInt8Cosine) << rung;
  }
}

// What processors without kernels for bf16 run.
TEST_P(PackedModelTest, Int8BesideFloat32IsCloseToIt) {
  if (CpuInt8Kernels<float>() == nullptr) GTEST_SKIP() << "no kernels for int8 beside f32";
  const auto exact = Elastic(ExecutionDtype::kFloat32, true);
  const UnitRanking ranking(ordering_);
  PermutedWeights weights = *Permute(folder_.weights, &ranking, at::kFloat);
  std::vector<KeepCounts> views;
  for (const Rung& rung : exact->ladder().rungs()) views.push_back(rung.keep);
  const CorrectionSet corrections =
      *CorrectionSet::Create(weights, ranking, ordering_.corrections, CorrectionMode::kFull, views);
  const auto packed = *PackedModel::Create(weights, corrections, at::kChar);
  for (size_t rung = 0; rung < views.size(); ++rung) {
    const std::vector<const KeepCounts*> of_images(pixels_.size(0), &views[rung]);
    const at::Tensor tokens = packed->Tokens(of_images, pixels_, config_.tokens());
    const double cosine =
        LeastCentredCosine(tokens, RungTokens(*exact, static_cast<int>(rung), pixels_));
    EXPECT_GE(cosine, kLeastInt8Cosine) << rung;
    EXPECT_LT(cosine, 0.999999) << "this is not int8";
  }
}

TEST_P(PackedModelTest, LeavingDeadRowsOutChangesNothingOfTheOthers) {
  for (const ExecutionDtype dtype : Dtypes()) {
    SCOPED_TRACE(DtypeName(dtype));
    const auto packed = Elastic(dtype, true);
    for (int rung = 0; rung < packed->ladder().size(); ++rung) {
      const at::Tensor all = RungTokens(*packed, rung, pixels_);
      for (const int64_t first : {int64_t{1}, int64_t{2}, all.size(1) - 1}) {
        EXPECT_TRUE(RungTokens(*packed, rung, pixels_, first).equal(all.narrow(1, 0, first)))
            << rung << ", " << first;
      }
    }
  }
}

TEST_P(PackedModelTest, BatchSizeAndThreadsChangeNothing) {
  const int threads = at::get_num_threads();
  for (const ExecutionDtype dtype : Dtypes()) {
    SCOPED_TRACE(DtypeName(dtype));
    const auto packed = Elastic(dtype, true);
    const int rung = packed->ladder().size() / 2;
    at::set_num_threads(1);
    const at::Tensor expected = RungTokens(*packed, rung, pixels_);
    for (int64_t i = 0; i < pixels_.size(0); ++i) {
      const at::Tensor alone = RungTokens(*packed, rung, pixels_.narrow(0, i, 1));
      EXPECT_TRUE(alone.equal(expected.narrow(0, i, 1))) << i;
    }
    at::set_num_threads(3);
    EXPECT_TRUE(RungTokens(*packed, rung, pixels_).equal(expected));
  }
  at::set_num_threads(threads);
}

TEST_P(PackedModelTest, AMixedBatchIsEachImageAtItsRung) {
  const int threads = at::get_num_threads();
  for (const bool kernels : {false, true}) {
    const auto model = Elastic(kernels ? Dtypes().back() : ExecutionDtype::kBFloat16, kernels);
    const int last = model->ladder().size() - 1;
    const std::vector<int> rungs = {last, 0, last / 2, 0, last - 1};
    for (const int of_threads : {1, 2, 3}) {
      at::set_num_threads(of_threads);
      const at::Tensor mixed = RungTokens(*model, rungs, pixels_, config_.tokens());
      for (int64_t i = 0; i < pixels_.size(0); ++i) {
        const at::Tensor alone = RungTokens(*model, rungs[i], pixels_.narrow(0, i, 1));
        if (kernels) {
          EXPECT_TRUE(mixed.narrow(0, i, 1).equal(alone)) << i;
        } else {
          EXPECT_GE(LeastCosine(mixed.narrow(0, i, 1), alone), 0.999) << i;
        }
      }
    }
  }
  at::set_num_threads(threads);
}

TEST_P(PackedModelTest, ABatchMayHaveMoreViewsThanAPass) {
  const int threads = at::get_num_threads();
  const at::Tensor pixels = at::cat({pixels_, 2 * pixels_});
  for (const ExecutionDtype dtype : Dtypes()) {
    const auto model = Elastic(dtype, true);
    std::vector<int> rungs;
    for (int64_t i = 0; i < pixels.size(0); ++i) {
      rungs.push_back(static_cast<int>(i) % model->ladder().size());
    }
    for (const int of_threads : {1, 3}) {
      at::set_num_threads(of_threads);
      const at::Tensor mixed = RungTokens(*model, rungs, pixels, config_.tokens());
      for (int64_t i = 0; i < pixels.size(0); ++i) {
        const at::Tensor alone = RungTokens(*model, rungs[i], pixels.narrow(0, i, 1));
        EXPECT_TRUE(mixed.narrow(0, i, 1).equal(alone)) << i;
      }
    }
  }
  at::set_num_threads(threads);
}

TEST_P(PackedModelTest, Int8WithoutKernelsSaysWhatIsInItsWay) {
  ElasticModel::Options options;
  options.dtype = ExecutionDtype::kInt8;
  options.kernels = false;
  const absl::Status status = ElasticModel::Create(folder_, ordering_, options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("int8"));
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("expected fp32"));
  VitConfig config = config_;
  config.head_dim = kLargestHead + 2;
  EXPECT_EQ(CheckDtypeRuns(ExecutionDtype::kInt8, config, false).code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(
      std::string(CheckDtypeRuns(ExecutionDtype::kInt8, config_, /*on_gpu=*/true).message()),
      ::testing::HasSubstr("not for a GPU"));
  EXPECT_TRUE(CheckDtypeRuns(ExecutionDtype::kFloat32, config, /*on_gpu=*/true).ok());
}

TEST_P(PackedModelTest, TakesTheMemoryOfOneModelInBfloat16) {
  const auto packed = Elastic(ExecutionDtype::kBFloat16, true);
  EXPECT_GT(packed->weight_bytes(), 2 * packed->parameters() * 0.9);
  EXPECT_GT(packed->correction_bytes(), 0U);
}

INSTANTIATE_TEST_SUITE_P(Models, PackedModelTest,
                         ::testing::Range(0, static_cast<int>(Configs().size())),
                         [](const auto& test) { return Configs()[test.param].name; });

// Where panels are full, padding is a small part.
TEST(PackedModel, OfAUsualSizeTakesFivePercentMoreThanItsParametersAtMost) {
  if (!PackedModel::Supports(VitSmall16(), at::kBFloat16))
    GTEST_SKIP() << "this processor has no kernels";
  ElasticModel::Options options;
  options.dtype = ExecutionDtype::kBFloat16;
  const auto model = *ElasticModel::Create(RandomModel(VitSmall16(), 1), std::nullopt, options);
  ASSERT_TRUE(model->uses_kernels());
  EXPECT_LE(static_cast<double>(model->weight_bytes()),
            1.05 * 2 * static_cast<double>(model->parameters()));
  if (!PackedModel::Supports(VitSmall16(), at::kChar)) return;
  options.dtype = ExecutionDtype::kInt8;
  const auto int8 = *ElasticModel::Create(RandomModel(VitSmall16(), 1), std::nullopt, options);
  EXPECT_LE(static_cast<double>(int8->weight_bytes()),
            0.55 * static_cast<double>(model->weight_bytes()));
}

}  // namespace
}  // namespace snapvit
