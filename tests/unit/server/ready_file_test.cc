#include "server/ready_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "core/base/file.h"
#include "tests/testing/temporary_folder.h"

namespace snapvit {
namespace {

class ReadyFileTest : public ::testing::Test {
 protected:
  std::string Content() const { return ReadFile(path_, /*max_bytes=*/1000).value_or("none"); }

  const TemporaryFolder folder_;
  const std::string path_ = folder_.path() + "/ready.json";
  ReadyFile file_{path_};
};

TEST_F(ReadyFileTest, IsThereFromTheWritingToTheEnd) {
  EXPECT_TRUE(file_.Clear().ok());
  EXPECT_TRUE(file_.Write("ours").ok());
  EXPECT_EQ(Content(), "ours");
  EXPECT_TRUE(file_.Withdraw().ok());
  EXPECT_EQ(Content(), "none");
  EXPECT_TRUE(file_.Withdraw().ok());
}

TEST_F(ReadyFileTest, WhatAKilledServerHasLeftIsRemoved) {
  folder_.Write("ready.json", "of a server that was killed");
  EXPECT_TRUE(file_.Clear().ok());
  EXPECT_EQ(Content(), "none");
}

TEST_F(ReadyFileTest, OneOfAServerThatTakesOverStays) {
  EXPECT_TRUE(file_.Write("ours").ok());
  folder_.Write("ready.json", "of the next one");
  EXPECT_TRUE(file_.Withdraw().ok());
  EXPECT_EQ(Content(), "of the next one");
}

TEST_F(ReadyFileTest, NothingButAFileIsRemoved) {
  std::filesystem::create_directory(path_);
  EXPECT_TRUE(file_.Clear().ok());
  EXPECT_TRUE(std::filesystem::exists(path_));
  ReadyFile none("");
  EXPECT_TRUE(none.Clear().ok());
  EXPECT_TRUE(none.Write("ours").ok());
  EXPECT_TRUE(none.Withdraw().ok());
}

}  // namespace
}  // namespace snapvit
