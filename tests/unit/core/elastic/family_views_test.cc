// Views of every model family against the family's own library, with the units that a view leaves
// out set to zero there.
#include "core/elastic/correction_set.h"
#include "core/elastic/permuted_weights.h"
#include "core/elastic/view_forward.h"
#include "tests/testing/family_goldens.h"

namespace snapvit {
namespace {

// Ranks the units that are kept before the others.
Ordering OrderingOf(const VitConfig& config, const at::Tensor& channels, const at::Tensor& heads) {
  const auto scores = [](const at::Tensor& keep) {
    const at::Tensor flat = keep.reshape({-1}).contiguous();
    return std::vector<float>(flat.const_data_ptr<float>(),
                              flat.const_data_ptr<float>() + flat.numel());
  };
  Ordering ordering;
  ordering.blocks = config.depth;
  ordering.hidden = config.mlp_hidden;
  ordering.heads = config.num_heads;
  ordering.mlp_scores = scores(channels);
  ordering.head_scores = scores(heads);
  return ordering;
}

TEST_P(FamilyGoldensTest, ViewsAreTheMaskedModel) {
  for (int budget = 0; budget < kGoldenBudgets; ++budget) {
    const std::string prefix = absl::StrCat("keep", budget, ".");
    const UnitRanking ranking(
        OrderingOf(model_.config, Golden(prefix + "channels"), Golden(prefix + "heads")));
    const auto weights = Permute(model_.weights, &ranking, at::kFloat);
    ASSERT_TRUE(weights.ok()) << weights.status();
    KeepCounts keep;
    for (int block = 0; block < model_.config.depth; ++block) {
      keep.channels.push_back(Keep(budget, "channels", block).sum().item<int>());
      keep.heads.push_back(Keep(budget, "heads", block).sum().item<int>());
    }
    const View view = MakeView(*weights, CorrectionSet(), keep);
    const at::Tensor tokens = ViewTokens(*weights, view, Golden("pixels"));
    const at::Tensor pooled = PoolDefault(*weights, tokens);
    ExpectOutput(pooled, prefix + "pooled");
    if (model_.config.num_classes > 0) {
      ExpectOutput(Logits(*weights, tokens, pooled), prefix + "logits");
    }
    if (model_.config.projection_dim > 0) {
      ExpectOutput(Projection(*weights, pooled), prefix + "projected");
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Family, FamilyGoldensTest, ::testing::ValuesIn(FamilyNames()),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace snapvit
