// Process: a program under test.
#ifndef SNAPVIT_TESTS_E2E_PROCESS_H_
#define SNAPVIT_TESTS_E2E_PROCESS_H_

#include <sys/types.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace snapvit {

// Killed with the object if it still runs.
class Process {
 public:
  // Starts `program` with `args`; standard output and error go to `log_file`. `environment` is
  // added to ours. `before` is called in the new process, to take rights and limits from it: it may
  // only make system calls.
  Process(const std::string& program, const std::vector<std::string>& args,
          const std::string& log_file, const std::map<std::string, std::string>& environment = {},
          const std::function<void()>& before = {});
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  void Signal(int signal) const;
  // Exit status; 128 + signal if a signal ended it. Waits for the end.
  int Wait();
  // Whether it has not ended yet.
  bool Running();
  // What it has printed so far.
  std::string Log() const;

 private:
  const std::string log_file_;
  pid_t pid_ = -1;
  int exit_status_ = -1;  // once it was waited for
  bool ended_ = false;
};

}  // namespace snapvit

#endif  // SNAPVIT_TESTS_E2E_PROCESS_H_
