// The command line as the manual and the shells' completion see it.
#ifndef SNAPVIT_CLIENT_CLI_VERB_MANUAL_H_
#define SNAPVIT_CLIENT_CLI_VERB_MANUAL_H_

#include "core/manual/manual.h"

namespace CLI {
class App;
}

namespace snapvit::cli {

// All options and verbs of `app`, as --help prints them.
ProgramDescription DescribeCommandLine(const CLI::App& app);

}  // namespace snapvit::cli

#endif  // SNAPVIT_CLIENT_CLI_VERB_MANUAL_H_
