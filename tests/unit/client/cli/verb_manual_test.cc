// The manual page and completion of the command line: all that --help knows.
#include "client/cli/verb_manual.h"

#include <gmock/gmock.h>

#include <regex>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "core/base/file.h"
#include "tests/testing/shell.h"
#include "tests/unit/client/cli/command_line_run.h"

namespace snapvit::cli {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

constexpr const char* kVerbs[] = {"embed", "classify", "inspect", "order", "import-scores",
                                  "keep",  "evaluate", "profile", "bench"};

std::string Manual(const std::string& form) {
  const CommandLineRun run = RunSnapvit({"--manual", form});
  EXPECT_EQ(run.status, 0) << run.err;
  return run.out;
}

// The long flags of a help text.
std::set<std::string> FlagsOf(const std::string& help) {
  // At the start of a line: texts name flags of other verbs, too.
  static const std::regex kFlag("(^|\n) +(?:-[a-z],)?(--[a-z][a-z-]*)");
  std::set<std::string> flags;
  for (std::sregex_iterator it(help.begin(), help.end(), kFlag), end; it != end; ++it) {
    flags.insert((*it)[2]);
  }
  return flags;
}

// The part of the page about a verb.
std::string SectionOf(const std::string& page, const std::string& verb) {
  const std::string heading =
      absl::StrCat(".SS \"snapvit ", absl::StrReplaceAll(verb, {{"-", "\\-"}}), "\"\n");
  const size_t begin = page.find(heading);
  if (begin == std::string::npos) return "";
  return page.substr(begin, page.find("\n.SS ", begin + 1) - begin);
}

TEST(VerbManual, ThePageNamesEveryOptionOfEveryVerb) {
  const std::string page = Manual("man");
  for (const char* verb : kVerbs) {
    const std::string section = SectionOf(page, verb);
    const std::set<std::string> flags = FlagsOf(RunSnapvit({verb, "--help"}).out);
    EXPECT_THAT(flags, Contains("--help")) << verb;
    for (const std::string& flag : flags) {
      EXPECT_THAT(section, HasSubstr(absl::StrCat("\\fB", absl::StrReplaceAll(flag, {{"-", "\\-"}}),
                                                  "\\fR")))
          << verb;
    }
  }
}

TEST(VerbManual, TheReadmeNamesEveryVerb) {
  const std::string readme = *ReadFile(SNAPVIT_SOURCE_DIR "/README.md", size_t{1} << 20);
  for (const char* verb : kVerbs) EXPECT_THAT(readme, HasSubstr(absl::StrCat("`", verb, "`")));
}

TEST(VerbManual, BashCompletesVerbsFlagsAndValues) {
  const std::string script = Manual("bash");
  std::string verbs;
  for (const char* verb : kVerbs) absl::StrAppend(&verbs, verb, "\n");
  EXPECT_EQ(CompleteInBash(script, "snapvit ''"), verbs);
  EXPECT_EQ(CompleteInBash(script, "snapvit embed x.jpg --pool"), "--pooling\n");
  EXPECT_EQ(CompleteInBash(script, "snapvit embed --pooling m"), "mean\n");
  EXPECT_EQ(CompleteInBash(script, "snapvit classify --activation s"), "softmax\nsigmoid\n");
  EXPECT_EQ(CompleteInBash(script, "snapvit --manual f"), "fish\n");
}

TEST(VerbManual, ThePageIsReadWithoutWarnings) {
  if (!HasProgram("groff")) GTEST_SKIP() << "groff is not installed";
  const TemporaryFolder folder;
  const std::string page = folder.Write("snapvit.1", Manual("man"));
  const ShellRun warnings = RunShell("groff -man -Tutf8 -K utf8 -ww -z " + page);
  EXPECT_EQ(warnings.output, "");
}

TEST(VerbManual, AnUnknownFormIsWrongUsage) {
  const CommandLineRun run = RunSnapvit({"--manual", "tcsh"});
  EXPECT_EQ(run.status, 2);
  EXPECT_THAT(run.err, HasSubstr("tcsh"));
}

}  // namespace
}  // namespace snapvit::cli
