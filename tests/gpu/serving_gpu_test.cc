// Serving on the GPU: graphs, mixed batches, the engine, and the module's own kernels, against the
// same on the CPU.
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>

#include <thread>

#include "core/elastic/elastic_state.h"
#include "core/engine/engine.h"
#include "tests/gpu/gpu_fixture.h"
#include "tests/testing/orderings.h"
#include "tests/testing/random_model.h"
#include "tests/testing/vit_configs.h"

namespace snapvit {
namespace {

class ServingGpuTest : public GpuTest {
 protected:
  std::shared_ptr<const ElasticModel> OnHost(const ModelFolder& folder) const {
    ElasticModel::Options options;
    options.kernels = false;
    return *ElasticModel::Create(folder, RandomOrdering(folder.config, 4), options);
  }
  std::shared_ptr<const ElasticModel> Served(const ModelFolder& folder, ExecutionDtype dtype,
                                             int streams = 1) const {
    ElasticModel::Options options;
    options.dtype = dtype;
    options.cuda = Gpu()->module;
    options.streams = streams;
    const auto model =
        ElasticModel::Create(OnGpu(folder), RandomOrdering(folder.config, 4), options);
    EXPECT_TRUE(model.ok()) << model.status();
    return *model;
  }

  static at::Tensor Tokens(const ElasticModel& model, const std::vector<int>& rungs,
                           const at::Tensor& pixels, int64_t first_tokens) {
    ForwardSession session(model);
    const at::Tensor host = session.HostPixels(pixels.size(0));
    host.copy_(pixels);
    return session.Tokens(rungs, host, first_tokens).cpu();
  }

  static at::Tensor Pixels(const VitConfig& config, int64_t images, uint64_t seed) {
    return at::randn({images, 3, config.image_height, config.image_width},
                     at::make_generator<at::CPUGeneratorImpl>(seed), at::TensorOptions(at::kFloat));
  }

  static double RelativeError(const at::Tensor& actual, const at::Tensor& expected) {
    return ((actual - expected).abs().max() / expected.std()).item<double>();
  }
};

// Eager, captured and replayed, with other pixels each time.
TEST_F(ServingGpuTest, GraphsOfEveryFamilyEqualTheCpu) {
  for (const NamedVitConfig& named : FamilyConfigs()) {
    const ModelFolder folder = RandomModel(named.config, 3);
    const auto host = OnHost(folder);
    const auto model = Served(folder, ExecutionDtype::kFloat32);
    for (int rung = 0; rung < host->ladder().size(); rung += 3) {
      for (uint64_t use = 0; use < 4; ++use) {
        const at::Tensor pixels = Pixels(named.config, 3, use);
        const std::vector<int> rungs(3, rung);
        const at::Tensor expected = RungTokens(*host, rungs, pixels, named.config.tokens());
        EXPECT_LE(RelativeError(Tokens(*model, rungs, pixels, named.config.tokens()), expected),
                  1e-4)
            << named.name << rung << " use " << use;
      }
    }
    EXPECT_GT(model->graphs(), 0U) << named.name;
    EXPECT_TRUE(model->graph_failure().ok()) << named.name << model->graph_failure();
  }
}

TEST_F(ServingGpuTest, MixedBatchesAndFirstTokensEqualTheCpu) {
  const VitConfig config = MakeVitConfig(224, 16, 384, 3, 6, 1536, 10);
  const ModelFolder folder = RandomModel(config, 3);
  const auto host = OnHost(folder);
  const auto model = Served(folder, ExecutionDtype::kFloat32);
  const int dense = host->ladder().dense();
  const std::vector<int> rungs = {0, 0, 2, dense / 2, dense, dense};
  for (uint64_t use = 0; use < 11; ++use) {  // the last ones by a graph
    for (const int64_t first : {int64_t{1}, int64_t{config.tokens()}}) {
      const at::Tensor pixels = Pixels(config, 6, use);
      EXPECT_LE(RelativeError(Tokens(*model, rungs, pixels, first),
                              RungTokens(*host, rungs, pixels, first)),
                1e-4)
          << "use " << use;
    }
  }
  EXPECT_EQ(model->graphs(), 2U);
  EXPECT_TRUE(model->graph_failure().ok()) << model->graph_failure();
}

TEST_F(ServingGpuTest, Bfloat16GraphsStayCloseToFloat32) {
  const VitConfig config = MakeVitConfig(224, 16, 384, 3, 6, 1536, 10);
  const ModelFolder folder = RandomModel(config, 3);
  const auto host = OnHost(folder);
  const auto model = Served(folder, ExecutionDtype::kBFloat16);
  for (const int rung : {0, host->ladder().dense()}) {
    const std::vector<int> rungs(4, rung);
    for (uint64_t use = 0; use < 3; ++use) {
      const at::Tensor pixels = Pixels(config, 4, use);
      const at::Tensor expected = RungTokens(*host, rungs, pixels, 1).flatten(1);
      const at::Tensor actual = Tokens(*model, rungs, pixels, 1).flatten(1);
      EXPECT_GE(at::cosine_similarity(actual, expected).min().item<double>(), 0.999) << rung;
    }
  }
}

// Streams of their own, side by side.
TEST_F(ServingGpuTest, WorkersOfTheEngineAnswerAsTheCpuDoes) {
  const VitConfig config = DemoVit();
  const ModelFolder folder = RandomModel(config, 3);
  const auto host = OnHost(folder);
  const auto model = Served(folder, ExecutionDtype::kFloat32, /*streams=*/2);
  const at::Tensor pixels = Pixels(config, 8, 1);
  const int rung = host->ladder().size() / 2;
  const at::Tensor expected = RungTokens(*host, std::vector<int>(8, rung), pixels, 1).flatten(1);
  const auto engine = *Engine::Create({.workers = 2, .threads_per_worker = 1});
  std::vector<std::thread> threads;
  for (int worker = 0; worker < 2; ++worker) {
    threads.emplace_back([&, worker] {
      engine->StartWorker(worker);
      for (int64_t i = 0; i < 200; ++i) {
        const int64_t image = (i + worker) % 8;
        EngineItem item;
        item.model = model;
        item.rung = rung;
        const at::Tensor one = pixels[image];
        item.pixels = std::span(one.data_ptr<float>(), one.numel());
        item.embedding = EmbeddingKind::kClass;
        EngineItem* pointer = &item;
        absl::Status status;
        engine->Run({&pointer, 1}, {&status, 1});
        ASSERT_TRUE(status.ok()) << status;
        const at::Tensor actual = at::tensor(item.embedding_values);
        ASSERT_LE(RelativeError(actual, expected[image]), 1e-4) << worker << " " << i;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(ServingGpuTest, ItsOwnKernelsEqualAtens) {
  const CudaModule& module = *Gpu()->module;
  if (!module.has_kernels()) GTEST_SKIP() << "the module was built without nvcc";
  const auto gpu = at::TensorOptions(at::kFloat).device(*TorchDevice(Gpu()->device));
  for (const int64_t dim : {42, 192, 768, 1025, 1408}) {
    const at::Tensor x = at::randn({777, dim}, gpu) + 10;
    const at::Tensor added = at::randn({777, dim}, gpu).to(at::kBFloat16);
    const at::Tensor scale = at::randn({dim}, gpu);
    const at::Tensor weight = at::randn({dim}, gpu), bias = at::randn({dim}, gpu);
    const at::Tensor sum = x + scale * added;
    const at::Tensor expected = at::layer_norm(sum, {dim}, weight, bias, 1e-6);
    const at::Tensor out = at::empty({777, dim}, gpu);
    SnapvitAddNorm call = {};
    call.x = x.data_ptr<float>();
    call.rows = 777;
    call.dim = static_cast<int>(dim);
    call.added = added.const_data_ptr();
    call.added_element = kSnapvitBf16;
    call.scale = scale.const_data_ptr<float>();
    call.weight = weight.const_data_ptr<float>();
    call.bias = bias.const_data_ptr<float>();
    call.eps = 1e-6F;
    call.out = out.data_ptr();
    ASSERT_TRUE(module.AddNorm(Gpu()->device.index, call).ok());
    EXPECT_LE(RelativeError(x, sum), 1e-6) << dim;
    EXPECT_LE(RelativeError(out, expected), 1e-5) << dim;
  }
}

}  // namespace
}  // namespace snapvit
