#include "core/model/model_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "tests/testing/temporary_folder.h"

namespace snapvit {
namespace {

using ::testing::HasSubstr;

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
