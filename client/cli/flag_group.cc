#include "client/cli/flag_group.h"

#include <CLI/CLI.hpp>

#include "absl/strings/str_cat.h"

namespace snapvit::cli {

absl::Status CheckNotGiven(const FlagGroup& group, const char* goes_with, const char* not_with) {
  for (const CLI::Option* flag : group) {
    if (flag->count() == 0) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(flag->get_name(), " goes with ", goes_with, ", not with ", not_with));
  }
  return absl::OkStatus();
}

}  // namespace snapvit::cli
