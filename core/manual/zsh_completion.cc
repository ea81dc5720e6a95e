#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "core/manual/manual.h"

namespace snapvit {
namespace {

// In a description of _arguments, between single quotes.
std::string Escape(const std::string& text) {
  return absl::StrReplaceAll(
      text,
      {{"\\", "\\\\"}, {"[", "\\["}, {"]", "\\]"}, {":", "\\:"}, {"'", "'\\''"}, {"\n", " "}});
}

// ":DIR:_files", ":MODE:(wait never)"
std::string Value(const OptionDescription& option) {
  const std::vector<std::string> choices = option.Choices();
  return absl::StrCat(
      ":", Escape(option.placeholder), ":",
      choices.empty() ? "_files" : absl::StrCat("(", absl::StrJoin(choices, " "), ")"));
}

// Arguments of _arguments, a line each.
std::string Specs(const std::vector<OptionDescription>& options, const std::string& indent) {
  std::string specs;
  for (const OptionDescription& option : options) {
    if (option.is_positional()) {
      absl::StrAppend(&specs, " \\\n", indent, "'*", Value(option), "'");
      continue;
    }
    for (const std::string& name : option.names) {
      const bool takes_equals = !option.is_switch() && name.size() > 2;
      absl::StrAppend(&specs, " \\\n", indent, "'", name, takes_equals ? "=" : "", "[",
                      Escape(option.help), "]", option.is_switch() ? "" : Value(option), "'");
    }
  }
  return specs;
}

}  // namespace

std::string ZshCompletion(const ProgramDescription& program) {
  std::string script =
      absl::StrCat("#compdef ", program.name, "\n# written by ", program.name, " --manual zsh\n");
  if (program.verbs.empty()) {
    return absl::StrCat(script, "_arguments", Specs(program.options, "  "), "\n");
  }
  absl::StrAppend(&script, "local context state state_descr line\ntypeset -A opt_args\n",
                  "_arguments -C", Specs(program.options, "  "),
                  " \\\n  '1: :->verb' \\\n  '*:: :->arguments'\n",
                  "case $state in\n  verb)\n    local -a verbs=(\n");
  for (const VerbDescription& verb : program.verbs) {
    absl::StrAppend(&script, "      '", verb.name, ":", Escape(verb.help), "'\n");
  }
  absl::StrAppend(&script, "    )\n    _describe verb verbs ;;\n  arguments)\n",
                  "    case $line[1] in\n");
  for (const VerbDescription& verb : program.verbs) {
    absl::StrAppend(&script, "      ", verb.name, ")\n        _arguments",
                    Specs(verb.options, "          "), " ;;\n");
  }
  return absl::StrCat(script, "    esac ;;\nesac\n");
}

}  // namespace snapvit
