#include "core/model/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/model/safetensors.h"
#include "tests/testing/temporary_folder.h"

namespace snapvit {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

class ShardedCheckpointTest : public ::testing::Test {
 protected:
  ShardedCheckpointTest() {
    folder_.Write("config.json", "{}");
    WriteShard("one", {"a", "b"});
    WriteShard("two", {"c"});
    folder_.Write("model.safetensors.index.json",
                  R"({"weight_map": {"a": "one", "b": "one", "c": "two"}})");
  }

  void WriteShard(const std::string& name, const std::vector<std::string>& tensors) const {
    const std::vector<float> values = {1, 2};
    std::map<std::string, TensorView> views;
    for (const std::string& tensor : tensors) {
      views[tensor] = {TensorDtype::kF32, {2}, std::as_bytes(std::span(values))};
    }
    ASSERT_TRUE(WriteSafetensors(folder_.path() + "/" + name, views).ok());
  }

  absl::StatusOr<Checkpoint> Open() const {
    return OpenCheckpoint(*FindModelFiles(folder_.path()));
  }
  std::string Error() const { return std::string(Open().status().message()); }

  const TemporaryFolder folder_;
};

TEST_F(ShardedCheckpointTest, IsOneSetOfTensors) {
  const auto checkpoint = Open();
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  EXPECT_EQ(checkpoint->index.tensors.size(), 3u);
  EXPECT_THAT(checkpoint->index.PathOf("a"), EndsWith("/one"));
  EXPECT_THAT(checkpoint->index.PathOf("c"), EndsWith("/two"));
  EXPECT_THAT(checkpoint->index.PathOf("absent"), EndsWith("/model.safetensors.index.json"));
  EXPECT_EQ(checkpoint->FileOf("c"), checkpoint->files[1]);
  EXPECT_TRUE(checkpoint->FileOf("c")->Tensor("c").ok());
}

TEST_F(ShardedCheckpointTest, NamesTheShardThatDoesNotFitTheIndex) {
  WriteShard("two", {});
  EXPECT_THAT(Error(), HasSubstr("/two: tensor \"c\" is missing"));
  WriteShard("two", {"c", "d"});
  EXPECT_THAT(Error(), HasSubstr("/two: tensor \"d\" is not listed in"));
  WriteShard("two", {"b", "c"});
  EXPECT_THAT(Error(), HasSubstr("/two: tensor \"b\" belongs into"));
  folder_.Write("two", "damaged");
  EXPECT_THAT(Error(), HasSubstr("/two: is not a safetensors file"));
}

}  // namespace
}  // namespace snapvit
