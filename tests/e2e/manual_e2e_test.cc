// Manual pages and completion as they are built, of both programs. That they are installed is
// checked by packages.sh.
#include <gmock/gmock.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "core/base/file.h"
#include "tests/testing/shell.h"

namespace snapvit {
namespace {

using ::testing::HasSubstr;

std::string Built(const std::string& file) {
  const auto content = ReadFile(SNAPVIT_BIN_DIR "/../share/" + file, size_t{1} << 20);
  EXPECT_TRUE(content.ok()) << content.status();
  return content.value_or("");
}

TEST(ManualE2eTest, BuiltFilesAreWhatTheProgramsPrint) {
  for (const std::string program : {"snapvit", "snapvit-server"}) {
    for (const auto& [form, file] :
         {std::pair<std::string, std::string>{"man", "man/man1/" + program + ".1"},
          {"bash", "bash-completion/completions/" + program},
          {"zsh", "zsh/site-functions/_" + program},
          {"fish", "fish/vendor_completions.d/" + program + ".fish"}}) {
      const ShellRun printed =
          RunShell(absl::StrCat(SNAPVIT_BIN_DIR "/", program, " --manual ", form));
      EXPECT_EQ(printed.status, 0);
      EXPECT_EQ(Built(file), printed.output) << file;
    }
  }
}

TEST(ManualE2eTest, BashLoadsTheBuiltCompletion) {
  EXPECT_THAT(
      CompleteInBash(Built("bash-completion/completions/snapvit-server"), "snapvit-server --slow"),
      HasSubstr("--slow-request\n"));
}

}  // namespace
}  // namespace snapvit
