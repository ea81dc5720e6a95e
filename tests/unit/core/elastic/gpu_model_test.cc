// What serves on a GPU, on the CPU: the same code with a stand-in for the CUDA module, whose graphs
// run once more what was captured. (tests/gpu has a real GPU's.)
#include "core/elastic/gpu_model.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "absl/synchronization/notification.h"
#include "core/elastic/batch_bucket.h"
#include "core/elastic/elastic_state.h"
#include "core/elastic/view_forward.h"
#include "tests/testing/fake_cuda.h"
#include "tests/testing/orderings.h"
#include "tests/testing/random_model.h"
#include "tests/testing/vit_configs.h"

namespace snapvit {
namespace {

using ::testing::HasSubstr;

std::vector<NamedVitConfig> Configs() {
  std::vector<NamedVitConfig> configs = FamilyConfigs();
  configs.push_back({"odd_width", MakeVitConfig(21, 7, 42, 2, 3, 65, 3)});
  return configs;
}

double RelativeError(const at::Tensor& actual, const at::Tensor& expected) {
  return ((actual - expected).abs().max() / expected.std()).item<double>();
}

class GpuModelTest : public ::testing::TestWithParam<int> {
 protected:
  std::shared_ptr<const ElasticModel> Elastic(ExecutionDtype dtype, bool gpu,
                                              const std::string& module = "two_gpus") const {
    ElasticModel::Options options;
    options.dtype = dtype;
    options.kernels = false;
    options.ladder.channel_multiple = 1;
    if (gpu) options.cuda = LoadFakeCuda(module);
    // One block goes wholly, another loses all heads.
    Ordering ordering = RandomOrdering(config_, 12 + GetParam());
    ordering.min_mlp_keep = ordering.min_head_keep = 0;
    ordering.path = {
        {0, config_.mlp_hidden / 2 + 1}, {1, 0}, {config_.depth, 1}, {2 * config_.depth - 1, 0}};
    const auto model = ElasticModel::Create(folder_, ordering, options);
    EXPECT_TRUE(model.ok()) << model.status();
    return *model;
  }

  at::Tensor Pixels(int64_t images) {
    return at::randn({images, 3, config_.image_height, config_.image_width}, generator_,
                     at::TensorOptions(at::kFloat));
  }

  static at::Tensor Tokens(const ElasticModel& model, const std::vector<int>& rungs,
                           const at::Tensor& pixels, int64_t first_tokens) {
    ForwardSession session(model);
    const at::Tensor host = session.HostPixels(pixels.size(0));
    host.copy_(pixels);
    return session.Tokens(rungs, host, first_tokens).clone();
  }

  at::Generator generator_ = at::make_generator<at::CPUGeneratorImpl>(4);
  const VitConfig config_ = Configs()[GetParam()].config;
  const ModelFolder folder_ = RandomModel(config_, 11 + GetParam());
};

TEST_P(GpuModelTest, EveryRungEqualsItsViewWithAndWithoutAGraph) {
  for (const char* module : {"two_gpus", "bare_gpu"}) {
    const auto model = Elastic(ExecutionDtype::kFloat32, true, module);
    const auto plain = Elastic(ExecutionDtype::kFloat32, false);
    ASSERT_GT(model->ladder().size(), 3);
    for (int rung = 0; rung < model->ladder().size(); ++rung) {
      for (int use = 0; use < 4; ++use) {  // other pixels each time
        const at::Tensor pixels = Pixels(2);
        const at::Tensor expected =
            ViewTokens(plain->state().weights, plain->state().views[rung], pixels);
        const at::Tensor tokens = Tokens(*model, {rung, rung}, pixels, config_.tokens());
        EXPECT_LE(RelativeError(tokens, expected), 1e-4) << module << rung << " use " << use;
      }
    }
  }
}

TEST_P(GpuModelTest, Bfloat16IsAsCloseToFloat32AsThePlainView) {
  const auto exact = Elastic(ExecutionDtype::kFloat32, false);
  const auto plain = Elastic(ExecutionDtype::kBFloat16, false);
  const auto model = Elastic(ExecutionDtype::kBFloat16, true);
  const auto least_cosine = [](const at::Tensor& a, const at::Tensor& b) {
    return at::cosine_similarity(a.flatten(1), b.flatten(1)).min().item<double>();
  };
  const at::Tensor pixels = Pixels(3);
  for (int rung = 0; rung < model->ladder().size(); ++rung) {
    const at::Tensor expected =
        ViewTokens(exact->state().weights, exact->state().views[rung], pixels);
    const double of_plain = least_cosine(
        ViewTokens(plain->state().weights, plain->state().views[rung], pixels), expected);
    const double of_gpu =
        least_cosine(Tokens(*model, {rung, rung, rung}, pixels, config_.tokens()), expected);
    EXPECT_GE(of_gpu, 1 - 1.5 * (1 - of_plain) - 1e-5) << rung;
  }
}

TEST_P(GpuModelTest, ABatchOfSeveralRungsEqualsItsImagesAlone) {
  const auto model = Elastic(ExecutionDtype::kFloat32, true);
  const int dense = model->ladder().dense();
  const std::vector<std::vector<int>> batches = {
      {0, 0, 1, dense}, {dense, 0}, {0, 1, 2, 2, dense, dense, dense}};
  for (const std::vector<int>& rungs : batches) {
    for (int use = 0; use < 11; ++use) {  // the last ones by a graph
      const at::Tensor pixels = Pixels(static_cast<int64_t>(rungs.size()));
      const at::Tensor mixed = Tokens(*model, rungs, pixels, config_.tokens());
      for (size_t i = 0; i < rungs.size(); ++i) {
        const auto image = static_cast<int64_t>(i);
        const at::Tensor alone =
            Tokens(*model, {rungs[i]}, pixels.narrow(0, image, 1), config_.tokens());
        EXPECT_LE(RelativeError(mixed.narrow(0, image, 1), alone), 1e-4) << i << " use " << use;
      }
    }
  }
}

TEST_P(GpuModelTest, FewerTokensAreTheFirstOnes) {
  const auto model = Elastic(ExecutionDtype::kFloat32, true);
  const at::Tensor pixels = Pixels(3);
  for (int rung = 0; rung < model->ladder().size(); rung += 2) {
    const std::vector<int> rungs(3, rung);
    const at::Tensor all = Tokens(*model, rungs, pixels, config_.tokens());
    for (const int first : {1, 2, config_.tokens() - 1}) {
      for (int use = 0; use < 3; ++use) {
        const at::Tensor tokens = Tokens(*model, rungs, pixels, first);
        ASSERT_EQ(tokens.size(1), first);
        EXPECT_LE(RelativeError(tokens, all.narrow(1, 0, first)), 1e-4) << rung;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Family, GpuModelTest,
                         ::testing::Range(0, static_cast<int>(Configs().size())),
                         [](const auto& test) { return Configs()[test.param].name; });

// Which batches get graphs. The model is small, its GPU the CPU.
class GpuGraphsTest : public ::testing::Test {
 protected:
  GpuGraphsTest() {
    ElasticModel::Options options;
    options.kernels = false;
    model_ = *ElasticModel::Create(folder_, RandomOrdering(config_, 5), options);
  }

  std::unique_ptr<GpuModel> Gpu(const GpuModel::Options& options,
                                const std::string& module = "two_gpus") const {
    return std::make_unique<GpuModel>(model_->state().weights, model_->state().views,
                                      LoadFakeCuda(module), options);
  }

  // Returns the tokens' first dimension.
  int64_t Run(const GpuModel& gpu, int rung, int64_t images) const {
    GpuModel::Session session(gpu);
    const at::Tensor pixels = session.HostPixels(images).fill_(1);
    return session.Tokens(std::vector<int>(images, rung), pixels, 1).size(0);
  }

  const VitConfig config_ = MakeVitConfig(16, 8, 24, 2, 2, 32, 3);
  const ModelFolder folder_ = RandomModel(config_, 3);
  std::shared_ptr<const ElasticModel> model_;
};

TEST_F(GpuGraphsTest, ABatchThatComesAgainBecomesAGraph) {
  const auto gpu = Gpu({});
  Run(*gpu, 0, 4);
  EXPECT_EQ(gpu->graphs(), 0U);
  Run(*gpu, 0, 4);
  EXPECT_EQ(gpu->graphs(), 1U);
  Run(*gpu, 0, 4);
  Run(*gpu, 1, 4);
  EXPECT_EQ(gpu->graphs(), 1U);
  EXPECT_TRUE(gpu->capture_failure().ok());
}

TEST_F(GpuGraphsTest, SizesOfABucketShareAGraph) {
  EXPECT_EQ(BatchBucket(1), 1);
  EXPECT_EQ(BatchBucket(2), 2);
  EXPECT_EQ(BatchBucket(3), 3);
  EXPECT_EQ(BatchBucket(5), 6);
  EXPECT_EQ(BatchBucket(13), 16);
  EXPECT_EQ(BatchBucket(33), 48);
  EXPECT_EQ(BatchBucket(64), 64);
  const auto gpu = Gpu({});
  EXPECT_EQ(Run(*gpu, 0, 5), 5);
  EXPECT_EQ(Run(*gpu, 0, 6), 6);
  EXPECT_EQ(gpu->graphs(), 1U);
  EXPECT_EQ(Run(*gpu, 0, 5), 5);
}

// Of several rungs there are many: most never come again, and none may push out those that do.
TEST_F(GpuGraphsTest, ABatchOfSeveralRungsBecomesAGraphOnceItHasComeOften) {
  const auto gpu = Gpu({});
  const auto run = [&](std::vector<int> rungs) {
    GpuModel::Session session(*gpu);
    const at::Tensor pixels = session.HostPixels(static_cast<int64_t>(rungs.size())).fill_(1);
    session.Tokens(rungs, pixels, 1);
  };
  for (int use = 0; use < 3; ++use) run({0, 0, 1});
  EXPECT_EQ(gpu->graphs(), 0U);
  for (int use = 0; use < 6; ++use) run({0, 0, 1});
  EXPECT_EQ(gpu->graphs(), 1U);
  Run(*gpu, 0, 4);
  Run(*gpu, 0, 4);
  EXPECT_EQ(gpu->graphs(), 2U);
  for (int images = 1; images < 40; ++images) {
    for (int other = 1; other < 20; ++other) {
      std::vector<int> rungs(images, 0);
      rungs.resize(images + other, 1);
      if (images + other <= 40) run(rungs);
    }
  }
  EXPECT_EQ(gpu->graphs(), 2U);
}

// A warm-up has one stream, and must not leave the capturing of the others to requests.
TEST_F(GpuGraphsTest, StreamsThatAreFreeGetTheGraphToo) {
  const auto gpu = Gpu({.streams = 3});
  Run(*gpu, 0, 4);
  Run(*gpu, 0, 4);
  EXPECT_EQ(gpu->graphs(), 3U);
}

TEST_F(GpuGraphsTest, TheGraphThatWasNotUsedForTheLongestTimeMakesWay) {
  const auto gpu = Gpu({.most_graphs = 2});
  for (const int64_t images : {1, 1, 2, 2, 1, 4, 4}) Run(*gpu, 0, images);
  EXPECT_EQ(gpu->graphs(), 2U);  // of 1 and 4
  Run(*gpu, 0, 1);
  EXPECT_EQ(gpu->graphs(), 2U);
  Run(*gpu, 0, 2);
  Run(*gpu, 0, 2);
  EXPECT_EQ(gpu->graphs(), 2U);
}

TEST_F(GpuGraphsTest, ALargerBatchThanThereIsMemoryForIsComputedWithoutAGraph) {
  const auto gpu = Gpu({.most_images = 4});
  for (int use = 0; use < 3; ++use) EXPECT_EQ(Run(*gpu, 0, 6), 6);
  EXPECT_EQ(gpu->graphs(), 0U);
  for (int use = 0; use < 3; ++use) EXPECT_EQ(Run(*gpu, 0, 3), 3);
  EXPECT_EQ(gpu->graphs(), 1U);
}

TEST_F(GpuGraphsTest, WhatCannotBeCapturedIsComputedAndSaid) {
  const auto gpu = Gpu({}, "bare_gpu");
  for (int use = 0; use < 3; ++use) EXPECT_EQ(Run(*gpu, 0, 2), 2);
  EXPECT_EQ(gpu->graphs(), 0U);
  EXPECT_THAT(std::string(gpu->capture_failure().message()), HasSubstr("not permitted"));
}

TEST_F(GpuGraphsTest, ASessionWaitsForAStream) {
  const auto gpu = Gpu({.streams = 1});
  auto first = std::make_unique<GpuModel::Session>(*gpu);
  std::atomic<bool> free = false;
  absl::Notification started;
  std::thread other([&] {
    started.Notify();
    const GpuModel::Session session(*gpu);
    EXPECT_TRUE(free);
  });
  started.WaitForNotification();
  // Time enough for a session that does not wait.
  for (int i = 0; i < 10'000; ++i) std::this_thread::yield();
  free = true;
  first.reset();
  other.join();
}

}  // namespace
}  // namespace snapvit
