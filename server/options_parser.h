// From the command line, the environment and a YAML file to ServerOptions. A flag beats a variable,
// a variable beats the file, the file beats the default.
#ifndef SNAPVIT_SERVER_OPTIONS_PARSER_H_
#define SNAPVIT_SERVER_OPTIONS_PARSER_H_

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/manual/manual.h"
#include "server/options.h"

namespace snapvit {

struct ParsedOptions {
  ServerOptions options;
  // Where each option that is not at its default came from: "--rungs", "SNAPVIT_RUNGS",
  // "server.yaml:3". Keyed by the option's name.
  std::map<std::string, std::string> sources;
  bool help = false;                 // --help was given; nothing else was looked at
  bool version = false;              // --version likewise
  std::optional<ManualForm> manual;  // --manual likewise
};

// Value of an environment variable; nothing if it is not set.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

// Environment of the process.
Environment ProcessEnvironment();

// `args` without the program's name: --name VALUE, --name=VALUE, or --switch. --config FILE, or
// SNAPVIT_CONFIG, names the file. An empty variable counts as not set. INVALID_ARGUMENT, also for
// unknown flags and keys, names the source (flag, variable, or file with line), the value and what
// was expected.
absl::StatusOr<ParsedOptions> ParseOptions(const std::vector<std::string>& args,
                                           const Environment& environment);

// Text of --help.
std::string OptionsHelp();

// The configuration as a YAML file that --config reads back, each line with its source as a
// comment. Options without a value appear commented out.
std::string PrintOptions(const ParsedOptions& parsed);

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_OPTIONS_PARSER_H_
