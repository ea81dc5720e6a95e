#include "server/signal_watch.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <optional>
#include <thread>

namespace snapvit {
namespace {

using ::testing::ExitedWithCode;
using ::testing::KilledBySignal;

void Send(int signal) { kill(getpid(), signal); }

void Await(const std::atomic<int>& count) {
  while (count == 0) std::this_thread::yield();
}

// In processes of their own, which have no threads that signals could go to instead.
class SignalWatchTest : public ::testing::Test {
 protected:
  SignalWatchTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }

  void Start() {
    watch_.emplace();
    watch_->Start({[this] { ++reloads_; }, [this](int) { ++stops_; }});
  }

  std::atomic<int> reloads_ = 0;
  std::atomic<int> stops_ = 0;
  std::optional<SignalWatch> watch_;
};

using SignalWatchDeathTest = SignalWatchTest;

TEST_F(SignalWatchDeathTest, HangUpsReloadAndTheFirstTerminationStops) {
  const auto child = [this] {
    Start();
    Send(SIGHUP);
    Await(reloads_);
    Send(SIGTERM);
    Await(stops_);
    _exit(reloads_ == 1 && stops_ == 1 ? 0 : 1);
  };
  EXPECT_EXIT(child(), ExitedWithCode(0), "");
}

TEST_F(SignalWatchDeathTest, TheSecondTerminationEndsTheProcess) {
  const auto child = [this] {
    Start();
    Send(SIGTERM);
    Await(stops_);
    Send(SIGINT);
    Await(reloads_);  // for ever
  };
  EXPECT_EXIT(child(), ExitedWithCode(128 + SIGINT), "");
}

// What the actions use is being destroyed.
TEST_F(SignalWatchDeathTest, OnceItHasEndedNothingIsCalled) {
  const auto child = [this] {
    Start();
    watch_->End();
    for (int i = 0; i < 1000; ++i) Send(SIGHUP);
    _exit(reloads_ == 0 ? 0 : 1);
  };
  EXPECT_EXIT(child(), ExitedWithCode(0), "");
}

TEST_F(SignalWatchDeathTest, OnceItHasEndedATerminationIsNotWaitedFor) {
  const auto child = [this] {
    Start();
    watch_->End();
    Send(SIGTERM);
  };
  EXPECT_EXIT(child(), KilledBySignal(SIGTERM), "");
}

}  // namespace
}  // namespace snapvit
