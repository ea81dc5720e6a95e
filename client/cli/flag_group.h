// FlagGroup: flags that mean something in one case only, such as those of a local model. Given in
// another they are refused, never ignored.
#ifndef SNAPVIT_CLIENT_CLI_FLAG_GROUP_H_
#define SNAPVIT_CLIENT_CLI_FLAG_GROUP_H_

#include <vector>

#include "absl/status/status.h"

namespace CLI {
class Option;
}

namespace snapvit::cli {

// Owned by the verb that they were added to.
using FlagGroup = std::vector<const CLI::Option*>;

// INVALID_ARGUMENT that names the first flag of `group` that is on the command line, also with the
// value that is the default: "--rungs goes with --model, not with --target".
absl::Status CheckNotGiven(const FlagGroup& group, const char* goes_with, const char* not_with);

}  // namespace snapvit::cli

#endif  // SNAPVIT_CLIENT_CLI_FLAG_GROUP_H_
