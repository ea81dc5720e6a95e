#include "server/model_host.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>

#include <memory>
#include <sstream>
#include <string>
#include <thread>

#include "tests/testing/temporary_folder.h"

namespace snapvit {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// A model whose ordering cannot be computed: there are no images for it.
class ModelHostTest : public ::testing::Test {
 protected:
  ModelHostTest() {
    options_.loader.model_dir = SNAPVIT_SOURCE_DIR "/tests/testdata/models/cls_token";
    options_.loader.model_name = "tiny";
    options_.loader.cache_dir = folder_.path();
    options_.loader.calibration = "/nowhere/images";
    options_.warmup = WarmupMode::kOff;
  }

  // What Run() returns, on a thread of its own, once it has come to take orderings over, or has
  // failed before.
  absl::Status Run() {
    ModelHost host(options_, engine_.get(), &state_, &metrics_, &log_);
    host.ReloadOrdering("/nowhere/ordering", [&](const absl::StatusOr<OrderingSwitch>& result) {
      reloaded_ = result.status();
      phase_ = state_.Get().phase;
      host.Stop();
    });
    absl::Status ended;
    std::thread([&] { ended = host.Run(); }).join();
    return ended;
  }

  const TemporaryFolder folder_;
  std::ostringstream log_text_;
  const Logger log_{LogLevel::kInfo, LogFormat::kText,
                    std::make_shared<spdlog::sinks::ostream_sink_mt>(log_text_)};
  const std::unique_ptr<Engine> engine_ = *Engine::Create({.workers = 1, .threads_per_worker = 1});
  ServingState state_{"tiny"};
  Metrics metrics_{{}};
  ModelHost::Options options_;
  absl::Status reloaded_;
  Phase phase_ = Phase::kLoading;  // when orderings are taken over
};

TEST_F(ModelHostTest, AnOrderingThatFailsInTheBackgroundEndsNothing) {
  options_.order_at_start = OrderAtStart::kBackground;
  EXPECT_TRUE(Run().ok());
  EXPECT_EQ(phase_, Phase::kReady);
  ASSERT_NE(state_.Get().model, nullptr);
  EXPECT_EQ(state_.Get().model->ordering_id, "dense");
  EXPECT_TRUE(absl::IsNotFound(reloaded_)) << "orderings are taken over: " << reloaded_;
  EXPECT_THAT(log_text_.str(),
              AllOf(HasSubstr("level=error event=ordering_failed"), HasSubstr("/nowhere/images"),
                    HasSubstr("dense"), HasSubstr("event=model_ready")));
}

TEST_F(ModelHostTest, AnOrderingThatFailsBeforeAnythingIsServedIsTheError) {
  options_.order_at_start = OrderAtStart::kWait;
  const absl::Status ended = Run();
  EXPECT_TRUE(absl::IsNotFound(ended)) << ended;
  EXPECT_THAT(std::string(ended.message()), HasSubstr("/nowhere/images"));
  EXPECT_EQ(state_.Get().model, nullptr);
  EXPECT_TRUE(absl::IsUnavailable(reloaded_)) << reloaded_;
  EXPECT_THAT(log_text_.str(), Not(HasSubstr("event=model_ready")));
}

}  // namespace
}  // namespace snapvit
