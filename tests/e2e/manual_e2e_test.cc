// Manual pages and completion as they are built and installed, of both programs.
#include <gmock/gmock.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "core/base/file.h"
#include "tests/testing/shell.h"
#include "tests/testing/temporary_folder.h"

namespace snapvit {
namespace {

using ::testing::HasSubstr;

TEST(ManualE2eTest, InstalledFilesAreWhatTheProgramsPrint) {
  const TemporaryFolder folder;
  const ShellRun install = RunShell(absl::StrCat(
      "cmake --install " SNAPVIT_BIN_DIR "/.. --component manual --prefix ", folder.path()));
  ASSERT_EQ(install.status, 0) << install.output;
  for (const std::string program : {"snapvit", "snapvit-server"}) {
    for (const auto& [form, file] : {std::pair{"man", "man/man1/" + program + ".1"},
                                     {"bash", "bash-completion/completions/" + program},
                                     {"zsh", "zsh/site-functions/_" + program},
                                     {"fish", "fish/vendor_completions.d/" + program + ".fish"}}) {
      const auto installed = ReadFile(folder.path() + "/share/" + file, size_t{1} << 20);
      ASSERT_TRUE(installed.ok()) << installed.status();
      const ShellRun printed =
          RunShell(absl::StrCat(SNAPVIT_BIN_DIR "/", program, " --manual ", form));
      EXPECT_EQ(printed.status, 0);
      EXPECT_EQ(*installed, printed.output) << file;
    }
  }
}

TEST(ManualE2eTest, BashLoadsTheInstalledCompletion) {
  const std::string script = *ReadFile(
      SNAPVIT_BIN_DIR "/../share/bash-completion/completions/snapvit-server", size_t{1} << 20);
  EXPECT_THAT(CompleteInBash(script, "snapvit-server --slow"), HasSubstr("--slow-request\n"));
}

}  // namespace
}  // namespace snapvit
