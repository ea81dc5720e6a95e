#include "tests/e2e/soak_timer.h"

#include <utility>

namespace snapvit {

SoakTimer::~SoakTimer() {
  {
    const std::scoped_lock lock(mu_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void SoakTimer::After(std::chrono::microseconds time, std::function<void()> function) {
  {
    const std::scoped_lock lock(mu_);
    functions_.emplace(std::chrono::steady_clock::now() + time, std::move(function));
  }
  changed_.notify_all();
}

void SoakTimer::Run() {
  std::unique_lock lock(mu_);
  while (!stopping_) {
    if (functions_.empty()) {
      changed_.wait(lock);
      continue;
    }
    const auto next = functions_.begin();
    if (next->first > std::chrono::steady_clock::now()) {
      changed_.wait_until(lock, std::chrono::steady_clock::time_point(next->first));
      continue;
    }
    const std::function<void()> function = std::move(next->second);
    functions_.erase(next);
    lock.unlock();
    function();
    lock.lock();
  }
}

}  // namespace snapvit
