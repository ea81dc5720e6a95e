#include "core/model/model_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "tests/testing/temporary_folder.h"

namespace snapvit {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Pair;

std::string MissingIn(const std::string& folder) {
  const auto files = FindModelFiles(folder);
  EXPECT_EQ(files.status().code(), absl::StatusCode::kNotFound);
  return std::string(files.status().message());
}

TEST(ModelFiles, SaysWhatIsMissingAndWhatAModelIs) {
  const TemporaryFolder folder;
  EXPECT_THAT(MissingIn(folder.path() + "/absent"), HasSubstr("no model folder"));
  EXPECT_THAT(MissingIn(folder.path()), HasSubstr("no config.json in"));
  folder.Write("config.json", "{}");
  EXPECT_THAT(MissingIn(folder.path()), HasSubstr("no model.safetensors in"));
  EXPECT_THAT(MissingIn(folder.path()),
              HasSubstr("a folder with config.json and model.safetensors"));
  folder.Write("pytorch_model.bin", "");
  EXPECT_THAT(MissingIn(folder.path()), HasSubstr("save the model again as safetensors"));
}

TEST(ModelFiles, ListsTheShardsOfAnIndex) {
  const TemporaryFolder folder;
  folder.Write("config.json", "{}");
  folder.Write("preprocessor_config.json", "{}");
  folder.Write(
      "model.safetensors.index.json",
      R"({"metadata": {"total_size": 5}, "weight_map": {"a": "two", "b": "one", "c": "two"}})");
  EXPECT_THAT(MissingIn(folder.path()), HasSubstr("names one, and there is no"));
  folder.Write("one", "");
  folder.Write("two", "");
  const auto files = FindModelFiles(folder.path());
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_THAT(files->weights, ElementsAre(EndsWith("/one"), EndsWith("/two")));
  EXPECT_THAT(files->shard_of, ElementsAre(Pair("a", 1), Pair("b", 0), Pair("c", 1)));
  EXPECT_THAT(files->weights_index, EndsWith("/model.safetensors.index.json"));
  EXPECT_THAT(files->preprocessor, EndsWith("/preprocessor_config.json"));
}

// One file counts before an index of shards.
TEST(ModelFiles, OneFileNeedsNoIndex) {
  const TemporaryFolder folder;
  folder.Write("config.json", "{}");
  folder.Write("model.safetensors", "");
  folder.Write("model.safetensors.index.json", "{");
  const auto files = FindModelFiles(folder.path());
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_THAT(files->weights, ElementsAre(EndsWith("/model.safetensors")));
  EXPECT_EQ(files->weights_index, "");
}

TEST(ModelFiles, RefusesAnIndexThatLeadsElsewhere) {
  const TemporaryFolder folder;
  folder.Write("config.json", "{}");
  for (const char* index : {"{", "[]", "{}", R"({"weight_map": {}})", R"({"weight_map": {"a": 5}})",
                            R"({"weight_map": {"a": "../b"}})", R"({"weight_map": {"a": "/b"}})",
                            R"({"weight_map": {"a": ".."}})"}) {
    folder.Write("model.safetensors.index.json", index);
    const auto files = FindModelFiles(folder.path());
    EXPECT_EQ(files.status().code(), absl::StatusCode::kInvalidArgument) << index;
    EXPECT_THAT(std::string(files.status().message()), HasSubstr("model.safetensors.index.json"));
  }
}

TEST(ModelFiles, AFileIsNoFolder) {
  const TemporaryFolder folder;
  EXPECT_THAT(MissingIn(folder.Write("x", "")), HasSubstr("no model folder"));
}

TEST(ModelFiles, TheNameIsTheFoldersAsTyped) {
  const TemporaryFolder folder;
  folder.Write("real/config.json", "{}");
  folder.Write("real/model.safetensors", "");
  std::filesystem::create_directory_symlink(folder.path() + "/real", folder.path() + "/linked");
  EXPECT_EQ(FindModelFiles(folder.path() + "/real")->name, "real");
  EXPECT_EQ(FindModelFiles(folder.path() + "/real/")->name, "real");
  EXPECT_EQ(FindModelFiles(folder.path() + "/real/../real/.")->name, "real");
  EXPECT_EQ(FindModelFiles(folder.path() + "/linked")->name, "linked");
}

}  // namespace
}  // namespace snapvit
