#include "tests/e2e/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/file.h"

namespace snapvit {
namespace {

[[noreturn]] void Execute(const std::string& program, const std::vector<std::string>& args,
                          const std::string& log_file,
                          const std::map<std::string, std::string>& environment,
                          const std::function<void()>& before) {
  const int log = open(log_file.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  dup2(log, STDOUT_FILENO);
  dup2(log, STDERR_FILENO);
  for (const auto& [name, value] : environment) setenv(name.c_str(), value.c_str(), 1);
  std::vector<char*> argv = {const_cast<char*>(program.c_str())};
  for (const std::string& arg : args) argv.push_back(const_cast<char*>(arg.c_str()));
  argv.push_back(nullptr);
  if (before) before();
  execv(program.c_str(), argv.data());
  _exit(127);
}

int ExitStatus(int status) {
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

Process::Process(const std::string& program, const std::vector<std::string>& args,
                 const std::string& log_file, const std::map<std::string, std::string>& environment,
                 const std::function<void()>& before)
    : log_file_(log_file), pid_(fork()) {
  if (pid_ == 0) Execute(program, args, log_file, environment, before);
  EXPECT_GT(pid_, 0) << "cannot fork";
}

Process::~Process() {
  if (!Running()) return;
  Signal(SIGKILL);
  Wait();
}

void Process::Signal(int signal) const { kill(pid_, signal); }

int Process::Wait() {
  if (!ended_) {
    int status = 0;
    waitpid(pid_, &status, 0);
    exit_status_ = ExitStatus(status);
    ended_ = true;
  }
  return exit_status_;
}

bool Process::Running() {
  int status = 0;
  if (!ended_ && waitpid(pid_, &status, WNOHANG) == pid_) {
    exit_status_ = ExitStatus(status);
    ended_ = true;
  }
  return !ended_;
}

std::string Process::Log() const { return ReadFile(log_file_, size_t{64} << 20).value_or(""); }

}  // namespace snapvit
