// Runs the command line in this process and keeps what it printed.
#ifndef SNAPVIT_TESTS_UNIT_CLIENT_CLI_COMMAND_LINE_RUN_H_
#define SNAPVIT_TESTS_UNIT_CLIENT_CLI_COMMAND_LINE_RUN_H_

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "client/cli/command_line.h"

namespace snapvit::cli {

struct CommandLineRun {
  int status = -1;
  std::string out;
  std::string err;

  nlohmann::json json() const { return nlohmann::json::parse(out); }
};

inline CommandLineRun RunSnapvit(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "snapvit");
  std::vector<const char*> argv;
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  CommandLineRun run;
  run.status = RunCommandLine(static_cast<int>(argv.size()), argv.data());
  run.out = ::testing::internal::GetCapturedStdout();
  run.err = ::testing::internal::GetCapturedStderr();
  return run;
}

}  // namespace snapvit::cli

#endif  // SNAPVIT_TESTS_UNIT_CLIENT_CLI_COMMAND_LINE_RUN_H_
