// What the documentation says about this program: its options, its manual, its log, its errors.
#include <gmock/gmock.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "core/base/file.h"
#include "server/metric_table.h"
#include "server/option_manual.h"
#include "server/option_table.h"
#include "tests/testing/shell.h"

namespace snapvit {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

std::string Page(const std::string& name) {
  return *ReadFile(SNAPVIT_SOURCE_DIR "/docs/" + name, size_t{1} << 20);
}

// A row of a Markdown table.
std::string OptionRowOf(const OptionRow& row) {
  const auto cell = [](const std::string& text) {
    return absl::StrReplaceAll(text, {{"|", "\\|"}});
  };
  const std::string value = row.is_switch() ? "" : row.get(ServerOptions());
  return absl::StrCat("| `--", row.name, row.is_switch() ? "" : " ", cell(row.placeholder), "` | ",
                      value.empty() ? "" : absl::StrCat("`", cell(value), "`"), " | ",
                      cell(row.help), " |\n");
}

TEST(DocsTest, OperationsHasTheTablesOfAllOptions) {
  std::string tables;
  std::string group;
  for (const OptionRow& row : OptionTable()) {
    if (group != row.group) {
      absl::StrAppend(&tables, "\n**", row.group, "**\n\n| flag | default | |\n|---|---|---|\n");
    }
    group = row.group;
    absl::StrAppend(&tables, OptionRowOf(row));
  }
  EXPECT_TRUE(Page("operations.md").find(tables + "\n## ") != std::string::npos)
      << "docs/operations.md, \"Options\", should have these tables:\n"
      << tables;
}

TEST(DocsTest, ThePageForManNamesEveryOption) {
  const std::string page = ManPage(DescribeServer("1.0"));
  for (const OptionRow& row : OptionTable()) {
    const std::string flag = absl::StrReplaceAll(absl::StrCat("--", row.name), {{"-", "\\-"}});
    EXPECT_THAT(page, HasSubstr("\n\\fB" + flag + "\\fR")) << row.name;
  }
  for (const char* flag : {"\\-\\-config", "\\-\\-help", "\\-\\-version", "\\-\\-manual"}) {
    EXPECT_THAT(page, HasSubstr(flag));
  }
}

TEST(DocsTest, BashCompletesEveryOptionAndItsValues) {
  const std::string script = BashCompletion(DescribeServer("1.0"));
  const std::string all = CompleteInBash(script, "snapvit-server --");
  for (const OptionRow& row : OptionTable()) {
    EXPECT_THAT("\n" + all, HasSubstr(absl::StrCat("\n--", row.name, "\n")));
  }
  EXPECT_EQ(CompleteInBash(script, "snapvit-server --order-at-start ''"),
            "wait\nbackground\nnever\n");
  EXPECT_EQ(CompleteInBash(script, "snapvit-server --tenants t.yaml --log-f"), "--log-format\n");
  EXPECT_EQ(CompleteInBash(script, "snapvit-server --manual z"), "zsh\n");
}

TEST(DocsTest, TheGuideNamesEveryEventOfTheLog) {
  const ShellRun events = RunShell(
      "grep -hoE '(\\.|->)(Info|Warning|Error|Debug)\\(\\s*\"[a-z_]+\"' " SNAPVIT_SOURCE_DIR
      "/server/*.cc | grep -oE '\"[a-z_]+\"' | tr -d '\"' | sort -u");
  ASSERT_EQ(events.status, 0);
  const std::string page = Page("operations.md");
  std::istringstream lines(events.output);
  int count = 0;
  for (std::string event; std::getline(lines, event); ++count) {
    EXPECT_THAT(page, HasSubstr(absl::StrCat("`", event, "`")));
  }
  EXPECT_GT(count, 20);
}

TEST(DocsTest, TheGuideNamesEveryRefusal) {
  const std::string page = Page("observability.md");
  for (const std::string& reason : RefusalReasons()) {
    EXPECT_THAT(page, ContainsRegex(absl::StrCat(" ", reason, "[, ]")));
  }
}

TEST(DocsTest, TheProtocolNamesEveryReason) {
  const ShellRun reasons = RunShell("grep -hoE '\"[A-Z_]{6,}\"' " SNAPVIT_SOURCE_DIR
                                    "/core/base/error_reason.h " SNAPVIT_SOURCE_DIR
                                    "/server/http_request.h; "
                                    "sed -n '/DefaultReason/,/^}/p' " SNAPVIT_SOURCE_DIR
                                    "/server/rpc_status.cc | grep -oE '\"[A-Z_]+\"'");
  const std::string page = Page("protocol.md");
  std::istringstream lines(reasons.output);
  int count = 0;
  for (std::string reason; std::getline(lines, reason); ++count) {
    EXPECT_THAT(page, HasSubstr(absl::StrReplaceAll(reason, {{"\"", "`"}})));
  }
  EXPECT_GT(count, 15);
}

}  // namespace
}  // namespace snapvit
