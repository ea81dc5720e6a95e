// SignalWatch: what the process does on signals: SIGTERM and SIGINT stop it, a second one ends it
// at once; SIGHUP has files read again.
#ifndef SNAPVIT_SERVER_SIGNAL_WATCH_H_
#define SNAPVIT_SERVER_SIGNAL_WATCH_H_

#include <signal.h>

#include <atomic>
#include <functional>
#include <thread>

namespace snapvit {

// One in a process, at a time. Thread-compatible.
class SignalWatch {
 public:
  // Called on a thread of the watch, one after the other.
  struct Actions {
    std::function<void()> reload;          // SIGHUP; not once `stop` was called
    std::function<void(int signal)> stop;  // the first SIGTERM or SIGINT
  };

  // Before other threads start: they inherit that these signals wait for Start().
  SignalWatch();
  ~SignalWatch() { End(); }
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

  // Called once.
  void Start(Actions actions);
  // When it returns no action is under way, and none is called any more: what they use may go.
  // SIGTERM and SIGINT end the process by themselves then. Does nothing without Start().
  void End();

 private:
  void Run(const Actions& actions) const;

  sigset_t signals_;
  std::atomic<bool> ended_ = false;
  std::thread thread_;
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_SIGNAL_WATCH_H_
