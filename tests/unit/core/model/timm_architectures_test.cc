#include "core/model/timm_architectures.h"

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "core/base/file.h"

namespace snapvit {
namespace {

class TimmArchitecturesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string path = SNAPVIT_SOURCE_DIR "/tests/testdata/models/timm_architectures.json";
    const auto text = ReadFile(path, size_t{1} << 20);
    ASSERT_TRUE(text.ok()) << text.status();
    registry_ = nlohmann::json::parse(*text);
  }

  nlohmann::json registry_;  // what timm builds, by tests/golden/list_timm_architectures.py
};

Activation ActivationNamed(const std::string& name) {
  const std::map<std::string, Activation> names = {{"gelu", Activation::kGelu},
                                                   {"gelu_tanh", Activation::kGeluTanh},
                                                   {"quick_gelu", Activation::kQuickGelu},
                                                   {"silu", Activation::kSilu}};
  return names.at(name);
}

ModelPooling PoolingNamed(const std::string& name) {
  const std::map<std::string, ModelPooling> names = {{"token", ModelPooling::kClassToken},
                                                     {"avg", ModelPooling::kMean},
                                                     {"map", ModelPooling::kAttention}};
  return names.at(name);
}

// timm's own toy models have no row: they are there to test timm.
TEST_F(TimmArchitecturesTest, KnowsEveryVitOfTimmThatItComputes) {
  int rows = 0;
  for (const auto& row : registry_["supported"]) {
    const std::string name = row["name"];
    if (name.starts_with("test_vit")) continue;
    SCOPED_TRACE(name);
    const auto found = FindTimmArchitecture(name);
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(found->num_heads, row["heads"]);
    EXPECT_EQ(found->embed_dim, row["embed_dim"]);
    EXPECT_EQ(found->norm_eps, row["eps"]);
    EXPECT_EQ(found->pooling, PoolingNamed(row["pooling"]));
    EXPECT_EQ(found->positions == Positions::kRotary, row["rotary"]);
    EXPECT_EQ(found->clip, row["clip"]);
    if (row["gated"]) {
      EXPECT_EQ(row["activation"], "silu");  // what the loader takes every gate's for
    } else {
      EXPECT_EQ(found->activation, ActivationNamed(row["activation"]));
    }
    EXPECT_FALSE(UnsupportedTimmArchitecture(name));
    const auto patch = PatchSizeInName(name);
    if (patch) {
      EXPECT_EQ(*patch, row["patch"]);
    }
    ++rows;
  }
  EXPECT_GT(rows, 140);
}

TEST_F(TimmArchitecturesTest, RefusesThoseThatOnlyLookAlike) {
  for (const std::string name : registry_["look_alike"]) {
    if (name.starts_with("test_vit")) continue;
    EXPECT_TRUE(UnsupportedTimmArchitecture(name)) << name;
  }
}

TEST(TimmArchitectures, IgnoresTheTag) {
  EXPECT_EQ(FindTimmArchitecture("vit_small_patch16_224.augreg_in21k")->num_heads, 6);
}

TEST(TimmArchitectures, DoesNotGuess) {
  EXPECT_EQ(FindTimmArchitecture("my_vit"), std::nullopt);
  EXPECT_EQ(FindTimmArchitecture("resnet50"), std::nullopt);
  EXPECT_EQ(FindTimmArchitecture(""), std::nullopt);
}

TEST(TimmArchitectures, ReadsThePatchSizeOfAName) {
  EXPECT_EQ(PatchSizeInName("vit_base_patch14_224"), 14);
  EXPECT_EQ(PatchSizeInName("vit_tiny_patch4_32"), 4);
  EXPECT_EQ(PatchSizeInName("flexivit_base"), std::nullopt);
  EXPECT_EQ(PatchSizeInName("vit_patch"), std::nullopt);
  EXPECT_EQ(PatchSizeInName("vit_patch99999999999"), std::nullopt);
}

}  // namespace
}  // namespace snapvit
