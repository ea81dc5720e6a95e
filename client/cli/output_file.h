// Files that a verb writes at its end.
#ifndef SNAPVIT_CLIENT_CLI_OUTPUT_FILE_H_
#define SNAPVIT_CLIENT_CLI_OUTPUT_FILE_H_

#include <string>

#include "absl/status/status.h"

namespace snapvit::cli {

// Before the work whose result goes there: whether a file can be created at `path`, as far as its
// folder tells. Errors name `flag` and path. OK if it is empty: not given.
absl::Status CheckOutputFile(const char* flag, const std::string& path);

}  // namespace snapvit::cli

#endif  // SNAPVIT_CLIENT_CLI_OUTPUT_FILE_H_
