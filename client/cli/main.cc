// The `snapvit` command line: one subcommand a verb, each in its own file.
#include "client/cli/command_line.h"

int main(int argc, char** argv) { return snapvit::cli::RunCommandLine(argc, argv); }
