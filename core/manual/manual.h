// Manual pages and shell completion of a program, from one description of its options and verbs.
#ifndef SNAPVIT_CORE_MANUAL_MANUAL_H_
#define SNAPVIT_CORE_MANUAL_MANUAL_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace snapvit {

struct OptionDescription {
  // "-o", "--output"; of a positional argument one name without dashes, "IMAGE".
  std::vector<std::string> names;
  // Of its value: "FILE", or the values to choose from, "wait|background|never"; empty: a switch.
  std::string placeholder;
  std::string help;
  std::string default_value;  // empty: none
  std::string group;          // heading; empty: none

  bool is_positional() const { return names.front().front() != '-'; }
  bool is_switch() const { return placeholder.empty(); }
  // The alternatives of the placeholder that can be typed as they are: words in lower case.
  std::vector<std::string> Choices() const;
};

struct VerbDescription {
  std::string name;
  std::string help;
  std::vector<OptionDescription> options;
};

struct ProgramDescription {
  std::string name;
  std::string version;
  std::string summary;                     // a line
  std::vector<std::string> paragraphs;     // of the page, below the usage
  std::vector<OptionDescription> options;  // those before a verb
  std::vector<VerbDescription> verbs;      // empty: the program has none
};

enum class ManualForm { kManPage, kBash, kZsh, kFish };

// "man", "bash", "zsh" or "fish".
std::optional<ManualForm> ParseManualForm(std::string_view text);
inline constexpr char kManualForms[] = "man|bash|zsh|fish";

// A page in the man macros of roff, or a completion script to be sourced (bash), put into a folder
// of fpath as _NAME (zsh), or into one of the completions (fish).
std::string RenderManual(const ProgramDescription& program, ManualForm form);

// By form.
std::string ManPage(const ProgramDescription& program);
std::string BashCompletion(const ProgramDescription& program);
std::string ZshCompletion(const ProgramDescription& program);
std::string FishCompletion(const ProgramDescription& program);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_MANUAL_MANUAL_H_
