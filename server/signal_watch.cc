#include "server/signal_watch.h"

#include <pthread.h>
#include <unistd.h>

#include <utility>

namespace snapvit {

SignalWatch::SignalWatch() {
  sigemptyset(&signals_);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals_, signal);
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
}

void SignalWatch::Start(Actions actions) {
  thread_ = std::thread([this, actions = std::move(actions)] { Run(actions); });
}

void SignalWatch::End() {
  if (!thread_.joinable()) return;
  ended_ = true;
  pthread_kill(thread_.native_handle(), SIGHUP);  // wakes it
  thread_.join();
  // SIGHUP still waits, for nobody: it is no reason to end without what is left to be done.
  sigset_t deadly = signals_;
  sigdelset(&deadly, SIGHUP);
  pthread_sigmask(SIG_UNBLOCK, &deadly, nullptr);
}

void SignalWatch::Run(const Actions& actions) const {
  bool stopping = false;
  while (true) {
    int signal = 0;
    sigwait(&signals_, &signal);
    if (ended_) return;
    if (signal == SIGHUP) {
      if (!stopping) actions.reload();
      continue;
    }
    if (stopping) _exit(128 + signal);
    stopping = true;
    actions.stop(signal);
  }
}

}  // namespace snapvit
