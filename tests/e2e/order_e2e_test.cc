// A long search, stopped by Ctrl-C and gone on with.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "tests/e2e/process.h"
#include "tests/testing/temporary_folder.h"

namespace snapvit {
namespace {

using ::testing::HasSubstr;

TEST(OrderE2eTest, CtrlCEndsCleanlyAndTheSameCommandResumes) {
  const TemporaryFolder folder;
  const std::string output = folder.path() + "/ordering.safetensors";
  const std::string trace = folder.path() + "/trace.csv";
  const std::string log = folder.path() + "/log";
  const std::vector<std::string> command = {"order",
                                            "--model",
                                            SNAPVIT_SOURCE_DIR "/models/demo",
                                            "--recipe",
                                            "published",
                                            "--count",
                                            "4",
                                            "--evaluations",
                                            "100",
                                            "--threads",
                                            "1",
                                            "--trace",
                                            trace,
                                            "-o",
                                            output};
  {
    Process first(SNAPVIT_BIN_DIR "/snapvit", command, log);
    while (first.Running() && !std::filesystem::exists(output + ".partial")) usleep(10'000);
    first.Signal(SIGINT);
    EXPECT_EQ(first.Wait(), 2) << first.Log();
    EXPECT_THAT(first.Log(), HasSubstr("the same command resumes from " + output + ".partial"));
  }
  EXPECT_FALSE(std::filesystem::exists(output));
  EXPECT_FALSE(std::filesystem::exists(trace));
  EXPECT_TRUE(std::filesystem::exists(output + ".partial"));

  Process second(SNAPVIT_BIN_DIR "/snapvit", command, log);
  EXPECT_EQ(second.Wait(), 0) << second.Log();
  EXPECT_THAT(second.Log(), ::testing::Not(HasSubstr("warning")));
  EXPECT_TRUE(std::filesystem::exists(output));
  EXPECT_TRUE(std::filesystem::exists(trace));
  EXPECT_FALSE(std::filesystem::exists(output + ".partial"));
}

}  // namespace
}  // namespace snapvit
