#include "core/manual/manual.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"

namespace snapvit {
namespace {

bool IsChoice(const std::string& word) {
  return !word.empty() && std::all_of(word.begin(), word.end(), [](char c) {
    return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-';
  });
}

}  // namespace

std::vector<std::string> OptionDescription::Choices() const {
  std::vector<std::string> choices;
  for (std::string word : std::vector<std::string>(absl::StrSplit(placeholder, '|'))) {
    if (IsChoice(word)) choices.push_back(std::move(word));
  }
  return choices;
}

std::optional<ManualForm> ParseManualForm(std::string_view text) {
  if (text == "man") return ManualForm::kManPage;
  if (text == "bash") return ManualForm::kBash;
  if (text == "zsh") return ManualForm::kZsh;
  if (text == "fish") return ManualForm::kFish;
  return std::nullopt;
}

std::string RenderManual(const ProgramDescription& program, ManualForm form) {
  switch (form) {
    case ManualForm::kManPage:
      return ManPage(program);
    case ManualForm::kBash:
      return BashCompletion(program);
    case ManualForm::kZsh:
      return ZshCompletion(program);
    case ManualForm::kFish:
      return FishCompletion(program);
  }
  return "";
}

}  // namespace snapvit
