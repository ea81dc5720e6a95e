// The whole command line: parses it and runs the verb it names.
#ifndef SNAPVIT_CLIENT_CLI_COMMAND_LINE_H_
#define SNAPVIT_CLIENT_CLI_COMMAND_LINE_H_

namespace snapvit::cli {

// Results go to standard output, progress, notes and errors to standard error. Returns an
// ExitStatus (client/cli/verb.h) as the process does.
int RunCommandLine(int argc, const char* const* argv);

}  // namespace snapvit::cli

#endif  // SNAPVIT_CLIENT_CLI_COMMAND_LINE_H_
