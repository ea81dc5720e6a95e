// A long search, stopped by Ctrl-C and gone on with.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "core/base/file.h"
#include "tests/e2e/process.h"
#include "tests/e2e/server_process.h"
#include "tests/testing/temporary_folder.h"

namespace snapvit {
namespace {

using ::testing::HasSubstr;

// Flags of a recipe, long enough to be stopped behind its first checkpoint.
struct Recipe {
  const char* name;
  std::vector<std::string> flags;
  bool traces;
};

class OrderE2eTest : public ::testing::TestWithParam<Recipe> {};

TEST_P(OrderE2eTest, CtrlCEndsCleanlyAndTheSameCommandResumes) {
  const TemporaryFolder folder;
  const std::string output = folder.path() + "/ordering.safetensors";
  const std::string trace = folder.path() + "/trace.csv";
  const std::string log = folder.path() + "/log";
  std::vector<std::string> command = {
      "order", "--model", SNAPVIT_SOURCE_DIR "/models/demo", "--threads", "1", "-o", output};
  command.insert(command.end(), GetParam().flags.begin(), GetParam().flags.end());
  if (GetParam().traces) command.insert(command.end(), {"--trace", trace});
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
  EXPECT_EQ(std::filesystem::exists(trace), GetParam().traces);
  EXPECT_FALSE(std::filesystem::exists(output + ".partial"));
}

const Recipe kRecipes[] = {
    {"Default", {"--count", "64"}, false},
    {"Published", {"--recipe", "published", "--count", "4", "--evaluations", "100"}, true}};

INSTANTIATE_TEST_SUITE_P(Recipes, OrderE2eTest, ::testing::ValuesIn(kRecipes),
                         [](const auto& test) { return std::string(test.param.name); });

// The bytes of an ordering of the tiny model.
std::string OrderTiny(const std::vector<std::string>& flags) {
  const TemporaryFolder folder;
  const std::string output = folder.path() + "/ordering.safetensors";
  std::vector<std::string> command = {"order", "--model", kTinyModel, "--count",
                                      "16",    "-o",      output};
  command.insert(command.end(), flags.begin(), flags.end());
  Process order(SNAPVIT_BIN_DIR "/snapvit", command, folder.path() + "/log");
  EXPECT_EQ(order.Wait(), 0) << order.Log();
  return ReadFile(output, size_t{1} << 20).value_or("");
}

TEST(OrderDeterminism, TheSameSeedGivesTheSameBytesInEveryProcess) {
  for (const char* recipe : {"default", "published"}) {
    const std::vector<std::string> flags = {"--recipe", recipe, "--seed", "7"};
    const std::string first = OrderTiny(flags);
    EXPECT_FALSE(first.empty());
    EXPECT_EQ(OrderTiny(flags), first) << recipe;
    EXPECT_NE(OrderTiny({"--recipe", recipe, "--seed", "8"}), first) << recipe;
  }
}

}  // namespace
}  // namespace snapvit
