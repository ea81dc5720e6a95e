#include "core/model/timm_architectures.h"

#include <gtest/gtest.h>

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

// timm's own toy model has no row: it is there to test timm.
TEST_F(TimmArchitecturesTest, KnowsEveryPlainVitOfTimm) {
  int rows = 0;
  for (const auto& row : registry_["plain"]) {
    const std::string name = row["name"];
    if (name == "test_vit") continue;
    const TimmArchitecture* found = FindTimmArchitecture(name);
    ASSERT_NE(found, nullptr) << name;
    EXPECT_EQ(found->num_heads, row["heads"]) << name;
    EXPECT_EQ(found->embed_dim, row["embed_dim"]) << name;
    EXPECT_FALSE(UnsupportedTimmArchitecture(name)) << name;
    const auto patch = PatchSizeInName(name);
    if (patch) {
      EXPECT_EQ(*patch, row["patch"]) << name;
    }
    ++rows;
  }
  EXPECT_GT(rows, 40);
}

TEST_F(TimmArchitecturesTest, RefusesThoseThatOnlyLookPlain) {
  for (const std::string name : registry_["look_plain"]) {
    EXPECT_TRUE(UnsupportedTimmArchitecture(name)) << name;
  }
}

TEST(TimmArchitectures, IgnoresTheTag) {
  EXPECT_EQ(FindTimmArchitecture("vit_small_patch16_224.augreg_in21k")->num_heads, 6);
}

TEST(TimmArchitectures, DoesNotGuess) {
  EXPECT_EQ(FindTimmArchitecture("my_vit"), nullptr);
  EXPECT_EQ(FindTimmArchitecture("resnet50"), nullptr);
  EXPECT_EQ(FindTimmArchitecture(""), nullptr);
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
