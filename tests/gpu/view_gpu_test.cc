// Views on the GPU against the same views on the CPU.
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>

#include "core/elastic/elastic_state.h"
#include "core/elastic/view_forward.h"
#include "tests/gpu/gpu_fixture.h"
#include "tests/testing/orderings.h"
#include "tests/testing/random_model.h"
#include "tests/testing/vit_configs.h"

namespace snapvit {
namespace {

class ViewGpuTest : public GpuTest {
 protected:
  static at::Tensor Pixels(const VitConfig& config) {
    return at::randn({5, 3, config.image_height, config.image_width},
                     at::make_generator<at::CPUGeneratorImpl>(5), at::TensorOptions(at::kFloat));
  }
};

TEST_F(ViewGpuTest, EveryRungEqualsTheCpus) {
  ElasticModel::Options on_aten;  // the views of both, not the kernels of the CPU
  on_aten.kernels = false;
  for (const VitConfig& config : {DemoVit(), MakeVitConfig(224, 16, 384, 3, 6, 1536, 10)}) {
    const ModelFolder folder = RandomModel(config, 3);
    const auto host = *ElasticModel::Create(folder, RandomOrdering(config, 4), on_aten);
    const auto model = *ElasticModel::Create(OnGpu(folder), RandomOrdering(config, 4), on_aten);
    const at::Tensor pixels = Pixels(config);
    for (int rung = 0; rung < host->ladder().size(); rung += 5) {
      const auto& expected_state = host->state();
      const auto& state = model->state();
      const at::Tensor expected =
          ViewTokens(expected_state.weights, expected_state.views[rung], pixels);
      const at::Tensor tokens = ViewTokens(state.weights, state.views[rung], pixels);
      ASSERT_TRUE(tokens.is_cuda());
      EXPECT_LE(((tokens.cpu() - expected).abs().max() / expected.std()).item<double>(), 1e-4)
          << rung;
      const at::Tensor logits = Logits(state.weights, tokens, PoolDefault(state.weights, tokens));
      const at::Tensor expected_logits =
          Logits(expected_state.weights, expected, PoolDefault(expected_state.weights, expected));
      EXPECT_LE(
          ((logits.cpu() - expected_logits).abs().max() / expected_logits.std()).item<double>(),
          1e-4)
          << rung;
    }
  }
}

TEST_F(ViewGpuTest, Bfloat16StaysCloseToTheCpusFloat32) {
  const ModelFolder folder = RandomModel(DemoVit(), 3);
  ElasticModel::Options on_aten;
  on_aten.kernels = false;
  const auto host = *ElasticModel::Create(folder, std::nullopt, on_aten);
  ElasticModel::Options options;
  options.dtype = ExecutionDtype::kBFloat16;
  const auto model = *ElasticModel::Create(OnGpu(folder), std::nullopt, options);
  const at::Tensor pixels = Pixels(DemoVit());
  const at::Tensor expected =
      ViewTokens(host->state().weights, host->state().views.back(), pixels).flatten(1);
  const at::Tensor tokens =
      ViewTokens(model->state().weights, model->state().views.back(), pixels).cpu().flatten(1);
  EXPECT_GE(at::cosine_similarity(tokens, expected).min().item<double>(), 0.999);
}

TEST_F(ViewGpuTest, ViewsShareTheMovedWeights) {
  const ModelFolder folder = RandomModel(DemoVit(), 3);
  ElasticModel::Options on_aten;
  on_aten.kernels = false;
  const auto host = *ElasticModel::Create(folder, std::nullopt, on_aten);
  const at::Device device = *TorchDevice(Gpu()->device);
  const PermutedWeights moved = *To(host->state().weights, device);
  const View view = MakeView(moved, CorrectionSet(), host->ladder().rung(0).keep);
  EXPECT_EQ(moved.blocks[0].fc1_weight.device(), device);
  EXPECT_TRUE(view[0].fc1_weight.is_alias_of(moved.blocks[0].fc1_weight));
}

TEST_F(ViewGpuTest, TheModuleCountsMemoryAndWaits) {
  const CudaModule& module = *Gpu()->module;
  const CudaModule::Memory memory = *module.DeviceMemory(Gpu()->device.index);
  EXPECT_GT(memory.total_bytes, 0U);
  EXPECT_LE(memory.free_bytes, memory.total_bytes);
  EXPECT_TRUE(module.Synchronize(Gpu()->device.index).ok());
  EXPECT_FALSE(module.Synchronize(*module.DeviceCount()).ok());
}

}  // namespace
}  // namespace snapvit
