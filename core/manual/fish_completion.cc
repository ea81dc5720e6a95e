#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "core/manual/manual.h"

namespace snapvit {
namespace {

std::string Quote(const std::string& text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"'", "\\'"}, {"\n", " "}}),
                      "'");
}

// A line of each option that is no positional argument. `condition`: when they are offered.
std::string Lines(const ProgramDescription& program, const std::vector<OptionDescription>& options,
                  const std::string& condition) {
  std::string lines;
  for (const OptionDescription& option : options) {
    if (option.is_positional()) continue;
    absl::StrAppend(&lines, "complete -c ", program.name, condition);
    for (const std::string& name : option.names) {
      const bool is_long = name.compare(0, 2, "--") == 0;
      absl::StrAppend(&lines, is_long ? " -l " : " -s ", name.substr(is_long ? 2 : 1));
    }
    const std::vector<std::string> choices = option.Choices();
    if (!option.is_switch()) absl::StrAppend(&lines, choices.empty() ? " -r" : " -x");
    if (!choices.empty()) absl::StrAppend(&lines, " -a ", Quote(absl::StrJoin(choices, " ")));
    absl::StrAppend(&lines, " -d ", Quote(option.help), "\n");
  }
  return lines;
}

}  // namespace

std::string FishCompletion(const ProgramDescription& program) {
  std::string script = absl::StrCat("# fish completion of ", program.name, ", written by ",
                                    program.name, " --manual fish\n");
  if (program.verbs.empty()) return absl::StrCat(script, Lines(program, program.options, ""));
  absl::StrAppend(&script, Lines(program, program.options, " -n __fish_use_subcommand"));
  for (const VerbDescription& verb : program.verbs) {
    absl::StrAppend(&script, "complete -c ", program.name, " -n __fish_use_subcommand -f -a ",
                    verb.name, " -d ", Quote(verb.help), "\n");
  }
  for (const VerbDescription& verb : program.verbs) {
    absl::StrAppend(&script,
                    Lines(program, verb.options,
                          absl::StrCat(" -n '__fish_seen_subcommand_from ", verb.name, "'")));
  }
  return script;
}

}  // namespace snapvit
