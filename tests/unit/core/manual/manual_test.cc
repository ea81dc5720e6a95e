#include "core/manual/manual.h"

#include <gmock/gmock.h>

#include "tests/testing/shell.h"

namespace snapvit {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

ProgramDescription WithoutVerbs() {
  ProgramDescription program;
  program.name = "plain-tool";
  program.version = "1.2";
  program.summary = "does it's best [now]";
  program.paragraphs = {".starts with a dot, has a back\\slash"};
  program.options = {{{"--help"}, "", "Print this: text.", "", ""},
                     {{"--mode"}, "wait|no-wait|custom:FILE", "How 'it' goes.", "wait", "Modes"},
                     {{"--input"}, "FILE", "What [to] read.", "", "Modes"}};
  return program;
}

ProgramDescription WithVerbs() {
  ProgramDescription program;
  program.name = "tool";
  program.version = "1.2";
  program.summary = "many things";
  program.options = {{{"-h", "--help"}, "", "Print this text.", "", ""}};
  program.verbs = {{"make",
                    "Makes things",
                    {{{"THING"}, "THING", "What to make.", "", ""},
                     {{"-o", "--output"}, "FILE", "Where to.", "", ""},
                     {{"--kind"}, "small|large", "Which.", "small", ""}}},
                   {"look", "Looks at things", {{{"--json"}, "", "As JSON.", "", ""}}}};
  return program;
}

TEST(OptionDescription, ChoicesAreWhatCanBeTypedAsItIs) {
  EXPECT_THAT(WithoutVerbs().options[1].Choices(), ElementsAre("wait", "no-wait"));
  EXPECT_THAT(WithoutVerbs().options[2].Choices(), IsEmpty());
  EXPECT_THAT(WithoutVerbs().options[0].Choices(), IsEmpty());
}

TEST(ManPage, NamesEveryOptionAndVerb) {
  const std::string plain = ManPage(WithoutVerbs());
  for (const char* text : {".TH PLAIN\\-TOOL 1", ".SS \"Modes\"", "\\fB\\-\\-mode\\fR",
                           "Default: wait.", "\\&.starts with", "back\\eslash"}) {
    EXPECT_THAT(plain, HasSubstr(text));
  }
  const std::string verbs = ManPage(WithVerbs());
  for (const char* text :
       {".SS \"tool make\"", "\\fITHING\\fR", "\\fB\\-o\\fR, \\fB\\-\\-output\\fR \\fIFILE\\fR",
        ".SS \"tool look\"", "\\-\\-json"}) {
    EXPECT_THAT(verbs, HasSubstr(text));
  }
}

TEST(ManPage, IsReadWithoutWarnings) {
  if (!HasProgram("groff")) GTEST_SKIP() << "groff is not installed";
  for (const ProgramDescription& program : {WithoutVerbs(), WithVerbs()}) {
    const TemporaryFolder folder;
    const std::string page = folder.Write("page.1", ManPage(program));
    const ShellRun warnings = RunShell("groff -man -Tutf8 -K utf8 -ww -z " + page);
    EXPECT_EQ(warnings.status, 0);
    EXPECT_EQ(warnings.output, "");
  }
}

TEST(BashCompletion, OffersOptionsAndTheirValues) {
  const std::string script = BashCompletion(WithoutVerbs());
  EXPECT_EQ(CompleteInBash(script, "plain-tool ''"), "--help\n--mode\n--input\n");
  EXPECT_EQ(CompleteInBash(script, "plain-tool --i"), "--input\n");
  EXPECT_EQ(CompleteInBash(script, "plain-tool --mode ''"), "wait\nno-wait\n");
  EXPECT_EQ(CompleteInBash(script, "plain-tool --mode = n"), "no-wait\n");
  EXPECT_EQ(CompleteInBash(script, "plain-tool --mode ="), "wait\nno-wait\n");
  // Files: bash's own.
  EXPECT_EQ(CompleteInBash(script, "plain-tool --input ''"), "\n");
}

TEST(BashCompletion, OffersVerbsAndThenTheirOptions) {
  const std::string script = BashCompletion(WithVerbs());
  EXPECT_EQ(CompleteInBash(script, "tool ''"), "make\nlook\n");
  EXPECT_EQ(CompleteInBash(script, "tool -"), "-h\n--help\n");
  EXPECT_EQ(CompleteInBash(script, "tool make --"), "--output\n--kind\n");
  EXPECT_EQ(CompleteInBash(script, "tool make x --kind ''"), "small\nlarge\n");
  EXPECT_EQ(CompleteInBash(script, "tool make -o ''"), "\n");
  EXPECT_EQ(CompleteInBash(script, "tool make ''"), "\n");
  EXPECT_EQ(CompleteInBash(script, "tool look -"), "--json\n");
}

TEST(Completion, ScriptsAreReadByTheirShells) {
  int shells = 0;
  for (const auto& [shell, form] : {std::pair{"bash", ManualForm::kBash},
                                    {"zsh", ManualForm::kZsh},
                                    {"fish", ManualForm::kFish}}) {
    if (!HasProgram(shell)) continue;
    ++shells;
    for (const ProgramDescription& program : {WithoutVerbs(), WithVerbs()}) {
      const TemporaryFolder folder;
      const std::string file = folder.Write("script", RenderManual(program, form));
      const ShellRun run = RunShell(absl::StrCat(shell, " -n ", file));
      EXPECT_EQ(run.status, 0) << shell << ": " << run.output;
    }
  }
  if (shells < 3) GTEST_SKIP() << "zsh or fish is not installed: their scripts were not read";
}

TEST(ZshCompletion, QuotesTexts) {
  const std::string script = ZshCompletion(WithoutVerbs());
  EXPECT_THAT(script, HasSubstr("'--mode=[How '\\''it'\\'' goes.]:wait|no-wait|custom\\:FILE:"
                                "(wait no-wait)'"));
  EXPECT_THAT(script, HasSubstr("'--input=[What \\[to\\] read.]:FILE:_files'"));
  EXPECT_THAT(ZshCompletion(WithVerbs()), HasSubstr("'make:Makes things'"));
}

TEST(FishCompletion, OffersOptionsWithTheirVerb) {
  EXPECT_THAT(FishCompletion(WithoutVerbs()),
              HasSubstr("complete -c plain-tool -l mode -x -a 'wait no-wait' -d 'How \\'it\\' "
                        "goes.'\n"));
  const std::string script = FishCompletion(WithVerbs());
  EXPECT_THAT(script, HasSubstr("complete -c tool -n '__fish_seen_subcommand_from make' -s o -l "
                                "output -r -d 'Where to.'\n"));
  EXPECT_THAT(script, HasSubstr("complete -c tool -n __fish_use_subcommand -f -a look "));
  EXPECT_THAT(script, Not(HasSubstr("THING")));
}

TEST(FishCompletion, CompletesInFish) {
  if (!HasProgram("fish")) GTEST_SKIP() << "fish is not installed";
  const TemporaryFolder folder;
  const std::string file = folder.Write("tool.fish", FishCompletion(WithVerbs()));
  const auto complete = [&file](const std::string& line) {
    return RunShell(
               absl::StrCat("fish --no-config -c 'source ", file, "; complete -C \"", line, "\"'"))
        .output;
  };
  EXPECT_EQ(complete("tool "), "look\tLooks at things\nmake\tMakes things\n");
  EXPECT_EQ(complete("tool make --k"), "--kind\tWhich.\n");
  EXPECT_EQ(complete("tool make --kind "), "large\tWhich.\nsmall\tWhich.\n");
  EXPECT_EQ(complete("tool look --k"), "");
}

TEST(ParseManualForm, KnowsTheFormsThatAreOffered) {
  EXPECT_EQ(ParseManualForm("man"), ManualForm::kManPage);
  EXPECT_EQ(ParseManualForm("fish"), ManualForm::kFish);
  EXPECT_EQ(ParseManualForm("tcsh"), std::nullopt);
}

}  // namespace
}  // namespace snapvit
