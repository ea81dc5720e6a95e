// SoakTimer: runs functions at their times, on a thread of its own.
#ifndef SNAPVIT_TESTS_E2E_SOAK_TIMER_H_
#define SNAPVIT_TESTS_E2E_SOAK_TIMER_H_

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

namespace snapvit {

// Thread-safe.
class SoakTimer {
 public:
  SoakTimer() : thread_([this] { Run(); }) {}
  // What is not due yet is dropped.
  ~SoakTimer();

  void After(std::chrono::microseconds time, std::function<void()> function);

 private:
  void Run();

  std::mutex mu_;
  std::condition_variable changed_;
  std::multimap<std::chrono::steady_clock::time_point, std::function<void()>> functions_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace snapvit

#endif  // SNAPVIT_TESTS_E2E_SOAK_TIMER_H_
