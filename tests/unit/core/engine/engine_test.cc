#include "core/engine/engine.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "core/model/reference_forward.h"
#include "tests/testing/fake_cuda.h"
#include "tests/testing/orderings.h"
#include "tests/testing/random_model.h"
#include "tests/testing/vit_configs.h"

namespace snapvit {
namespace {

using ::testing::HasSubstr;

// On the CPU, and on a stand-in for a GPU.
class EngineTest : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override { engine_->StartWorker(0); }

  EngineItem Item(int image, int rung, EmbeddingKind kind, bool logits = false) const {
    EngineItem item;
    item.model = model_;
    item.rung = rung;
    const size_t size = 3 * 32 * 32;
    item.pixels = std::span(pixels_.data_ptr<float>() + image * size, size);
    item.embedding = kind;
    item.logits = logits;
    return item;
  }

  void Run(std::vector<EngineItem>& items) const {
    std::vector<EngineItem*> pointers;
    for (EngineItem& item : items) pointers.push_back(&item);
    std::vector<absl::Status> statuses(items.size(), absl::InternalError("not set"));
    engine_->Run(pointers, statuses);
    for (const absl::Status& status : statuses) EXPECT_TRUE(status.ok()) << status;
  }

  static void ExpectClose(const std::vector<float>& actual, const at::Tensor& expected) {
    const at::Tensor flat = expected.contiguous().flatten();
    ASSERT_EQ(static_cast<int64_t>(actual.size()), flat.numel());
    const double scale = flat.std().item<double>();
    for (size_t i = 0; i < actual.size(); ++i) {
      ASSERT_NEAR(actual[i], flat[static_cast<int64_t>(i)].item<float>(), 1e-4 * scale) << i;
    }
  }

  static ElasticModel::Options ModelOptions() {
    ElasticModel::Options options;
    if (GetParam()) options.cuda = LoadFakeCuda();
    return options;
  }

  const ModelFolder folder_ = RandomModel(DemoVit(), 3);
  const std::shared_ptr<const ElasticModel> model_ =
      *ElasticModel::Create(folder_, RandomOrdering(DemoVit(), 3), ModelOptions());
  const std::unique_ptr<Engine> engine_ = *Engine::Create({.workers = 1, .threads_per_worker = 2});
  const at::Tensor pixels_ = at::randn({6, 3, 32, 32}, at::make_generator<at::CPUGeneratorImpl>(8),
                                       at::TensorOptions(at::kFloat));
};

TEST_P(EngineTest, GivesEveryKindOfEmbeddingAndLogits) {
  const ReferenceOutput expected = *ReferenceForward(folder_.weights, pixels_);
  const int dense = model_->ladder().dense();
  std::vector<EngineItem> items = {
      Item(0, dense, EmbeddingKind::kDefault, true), Item(1, dense, EmbeddingKind::kClass),
      Item(2, dense, EmbeddingKind::kMean), Item(3, dense, EmbeddingKind::kPatches),
      Item(4, dense, EmbeddingKind::kNone, true)};
  Run(items);
  ExpectClose(items[0].embedding_values, expected.pooled[0]);
  ExpectClose(items[0].logit_values, expected.logits[0]);
  ExpectClose(items[1].embedding_values, expected.tokens[1][0]);
  ExpectClose(items[2].embedding_values, expected.tokens[2].narrow(0, 1, 64).mean(0));
  ExpectClose(items[3].embedding_values, expected.tokens[3].narrow(0, 1, 64));
  EXPECT_EQ(items[3].embedding_shape, (std::vector<int64_t>{64, 192}));
  ExpectClose(items[4].logit_values, expected.logits[4]);
  EXPECT_TRUE(items[4].embedding_values.empty());
}

TEST_P(EngineTest, MixedRungsInABatchEqualSingleRuns) {
  std::vector<EngineItem> batch;
  std::vector<EngineItem> singles;
  for (int i = 0; i < 6; ++i) {
    batch.push_back(Item(i, (5 * i) % model_->ladder().size(), EmbeddingKind::kDefault));
    singles.push_back(batch.back());
  }
  Run(batch);
  for (int i = 0; i < 6; ++i) {
    std::vector<EngineItem> one = {singles[i]};
    Run(one);
    ExpectClose(batch[i].embedding_values, at::tensor(one[0].embedding_values));
  }
}

TEST_P(EngineTest, AFailingItemDoesNotTouchTheOthers) {
  // A model whose weights do not fit together makes ATen throw in the middle of the batch.
  ModelFolder broken = RandomModel(DemoVit(), 4);
  broken.weights.head.weight = at::ones({10, 7});
  std::vector<EngineItem> items = {Item(0, 5, EmbeddingKind::kDefault),
                                   Item(1, 5, EmbeddingKind::kDefault)};
  items[1].logits = true;
  items[1].model = *ElasticModel::Create(broken, RandomOrdering(DemoVit(), 3), {});
  std::vector<absl::Status> statuses(2);
  std::vector<EngineItem*> pointers = {&items[0], &items[1]};
  engine_->Run(pointers, statuses);
  EXPECT_TRUE(statuses[0].ok());
  EXPECT_EQ(items[0].embedding_values.size(), 192U);
  EXPECT_EQ(statuses[1].code(), absl::StatusCode::kInternal);
}

TEST_P(EngineTest, WorkersRunSideBySide) {
  const std::unique_ptr<Engine> engine = *Engine::Create({.workers = 2, .threads_per_worker = 1});
  std::vector<std::vector<float>> results(2);
  std::vector<std::thread> threads;
  for (int worker = 0; worker < 2; ++worker) {
    threads.emplace_back([&, worker] {
      engine->StartWorker(worker);
      EngineItem item = Item(0, 3, EmbeddingKind::kDefault);
      EngineItem* pointer = &item;
      absl::Status status;
      for (int i = 0; i < 20; ++i) engine->Run({&pointer, 1}, {&status, 1});
      results[worker] = item.embedding_values;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(results[0].size(), 192U);
  EXPECT_EQ(results[0], results[1]);
}

INSTANTIATE_TEST_SUITE_P(On, EngineTest, ::testing::Bool(),
                         [](const auto& test) { return test.param ? "Gpu" : "Cpu"; });

TEST(CheckEmbeddingKind, SaysWhatTheModelCanGive) {
  VitConfig config = DemoVit();
  EXPECT_TRUE(CheckEmbeddingKind(config, EmbeddingKind::kPatches).ok());
  config.class_token = false;
  const absl::Status status = CheckEmbeddingKind(config, EmbeddingKind::kClass);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("no class token"));
  config.norm_after_pooling = true;
  EXPECT_FALSE(CheckEmbeddingKind(config, EmbeddingKind::kMean).ok());
  EXPECT_TRUE(CheckEmbeddingKind(config, EmbeddingKind::kDefault).ok());
}

}  // namespace
}  // namespace snapvit
