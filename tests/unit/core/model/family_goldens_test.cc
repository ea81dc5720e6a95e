// The reference forward of every model family against the family's own library.
#include "tests/testing/family_goldens.h"

#include "core/model/reference_forward.h"

namespace snapvit {
namespace {

TEST_P(FamilyGoldensTest, DenseOutputsAreTheLibrarys) {
  const auto output = ReferenceForward(weights_, Golden("pixels"));
  ASSERT_TRUE(output.ok()) << output.status();
  ExpectOutput(output->tokens, "tokens");
  ExpectOutput(output->pooled, "pooled");
  ExpectOutput(output->logits, "logits");
  ExpectOutput(output->projected, "projected");
}

TEST_P(FamilyGoldensTest, MaskedOutputsAreThoseOfUnitsSetToZero) {
  for (int budget = 0; budget < kGoldenBudgets; ++budget) {
    UnitReplacement mask;
    for (int block = 0; block < model_.config.depth; ++block) {
      mask.blocks.push_back({.channel_keep = Keep(budget, "channels", block),
                             .head_keep = Keep(budget, "heads", block)});
    }
    const auto output = ReferenceForward(weights_, Golden("pixels"), &mask);
    ASSERT_TRUE(output.ok()) << output.status();
    const std::string prefix = absl::StrCat("keep", budget, ".");
    ExpectOutput(output->pooled, prefix + "pooled");
    ExpectOutput(output->logits, prefix + "logits");
    ExpectOutput(output->projected, prefix + "projected");
  }
}

// The goldens are worth something only if cutting units is visible in them.
TEST_P(FamilyGoldensTest, CuttingUnitsIsVisible) {
  const at::Tensor change = Golden("keep2.pooled") - Golden("pooled");
  EXPECT_GT((change.abs().max() / Golden("pooled").std()).item<double>(), 0.1);
}

INSTANTIATE_TEST_SUITE_P(Family, FamilyGoldensTest, ::testing::ValuesIn(FamilyNames()),
                         [](const auto& test) { return test.param; });

TEST(FamilyGoldens, AreOfBothLibraries) {
  int timm = 0, hf = 0;
  for (const std::string& name : FamilyNames()) {
    timm += name.starts_with("timm_");
    hf += name.starts_with("hf_");
  }
  EXPECT_GE(timm, 12);
  EXPECT_GE(hf, 12);
}

}  // namespace
}  // namespace snapvit
