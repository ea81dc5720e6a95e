// Shells that tests run.
#ifndef SNAPVIT_TESTS_TESTING_SHELL_H_
#define SNAPVIT_TESTS_TESTING_SHELL_H_

#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/testing/temporary_folder.h"

namespace snapvit {

inline bool HasProgram(const std::string& name) {
  const int status = std::system(("command -v " + name + " >/dev/null 2>&1").c_str());
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

struct ShellRun {
  int status = -1;     // of the exit; -1: it did not exit by itself
  std::string output;  // standard output and error
};

// Runs a command line.
inline ShellRun RunShell(const std::string& command) {
  ShellRun run;
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return run;
  char chunk[4096];
  size_t bytes = 0;
  while ((bytes = fread(chunk, 1, sizeof(chunk), pipe)) > 0) run.output.append(chunk, bytes);
  const int status = pclose(pipe);
  if (WIFEXITED(status)) run.status = WEXITSTATUS(status);
  return run;
}

// What bash offers at the end of `line` once it has read `completion`, a word a line. `words`: the
// line as bash splits it.
inline std::string CompleteInBash(const std::string& completion, const std::string& words) {
  const TemporaryFolder folder;
  const std::string script = folder.Write(
      "complete.bash",
      absl::StrCat(
          "set -eu\n", completion, "\nCOMP_WORDS=(", words,
          ")\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n"
          "function=$(complete -p \"${COMP_WORDS[0]}\" | sed 's/.* -F \\([^ ]*\\) .*/\\1/')\n"
          "\"$function\"\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n"));
  return RunShell("bash --noprofile --norc " + script).output;
}

}  // namespace snapvit

#endif  // SNAPVIT_TESTS_TESTING_SHELL_H_
