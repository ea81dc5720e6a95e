#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "core/manual/manual.h"

namespace snapvit {
namespace {

std::vector<std::string> Flags(const std::vector<OptionDescription>& options) {
  std::vector<std::string> flags;
  for (const OptionDescription& option : options) {
    if (option.is_positional()) continue;
    flags.insert(flags.end(), option.names.begin(), option.names.end());
  }
  return flags;
}

// Cases of "$verb:$previous" for the options that take a value. Without a reply bash offers files.
std::string ValueCases(const std::string& verb, const std::vector<OptionDescription>& options) {
  std::string cases;
  for (const OptionDescription& option : options) {
    if (option.is_positional() || option.is_switch()) continue;
    const std::string pattern =
        absl::StrJoin(option.names, "|", [&verb](std::string* out, const std::string& name) {
          absl::StrAppend(out, verb, ":", name);
        });
    const std::vector<std::string> choices = option.Choices();
    absl::StrAppend(&cases, "    ", pattern, ") ");
    if (!choices.empty()) {
      absl::StrAppend(&cases, "COMPREPLY=($(compgen -W '", absl::StrJoin(choices, " "),
                      "' -- \"$word\")); ");
    }
    absl::StrAppend(&cases, "return ;;\n");
  }
  return cases;
}

// What may stand at a place where no value is due.
std::string WordCases(const std::string& verb, const std::vector<OptionDescription>& options,
                      const std::string& words) {
  return absl::StrCat("    ", verb, ":-*) COMPREPLY=($(compgen -W '",
                      absl::StrJoin(Flags(options), " "), "' -- \"$word\")) ;;\n",
                      words.empty() ? ""
                                    : absl::StrCat("    ", verb, ":*) COMPREPLY=($(compgen -W '",
                                                   words, "' -- \"$word\")) ;;\n"));
}

}  // namespace

std::string BashCompletion(const ProgramDescription& program) {
  const std::string function = absl::StrCat("_", absl::StrReplaceAll(program.name, {{"-", "_"}}));
  const std::string verbs = absl::StrJoin(
      program.verbs, " ",
      [](std::string* out, const VerbDescription& verb) { absl::StrAppend(out, verb.name); });
  std::string values = ValueCases("", program.options);
  // A program without verbs has nothing but flags to offer.
  std::string words =
      WordCases("", program.options,
                program.verbs.empty() ? absl::StrJoin(Flags(program.options), " ") : verbs);
  for (const VerbDescription& verb : program.verbs) {
    absl::StrAppend(&values, ValueCases(verb.name, verb.options));
    absl::StrAppend(&words, WordCases(verb.name, verb.options, ""));
  }
  // "--name=value" comes as three words.
  return absl::StrCat("# bash completion of ", program.name, ", written by ", program.name,
                      " --manual bash\n", function, R"(() {
  local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} verb='' i
  COMPREPLY=()
  if [[ $word == '=' ]]; then
    word=''
  elif [[ $previous == '=' ]]; then
    previous=${COMP_WORDS[COMP_CWORD - 2]}
  fi
  for ((i = 1; i < COMP_CWORD; ++i)); do
    if [[ ' )",
                      verbs, R"( ' == *" ${COMP_WORDS[i]} "* ]]; then
      verb=${COMP_WORDS[i]}
      break
    fi
  done
  case $verb:$previous in
)",
                      values, "  esac\n  case $verb:$word in\n", words,
                      "  esac\n}\ncomplete -o bashdefault -o default -F ", function, " ",
                      program.name, "\n");
}

}  // namespace snapvit
