// The wall clock is set while the server works: nothing ends too early and nothing waits for the
// clock to come back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "core/base/file.h"
#include "tests/e2e/server_process.h"
#include "tests/testing/http_client.h"
#include "tests/testing/temporary_folder.h"

namespace snapvit {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;
using ::testing::HasSubstr;

constexpr char kProfile[] = R"({"cells": [
  {"served_compute": 0.5, "fidelity": 0.95, "batch": 1, "latency_ms": 600},
  {"served_compute": 1, "fidelity": 1, "batch": 1, "latency_ms": 600}]})";
// Whose keys are "a-key" and "b-key".
constexpr char kTenants[] =
    "tenants:\n  a: {keys: "
    "sha256:2a8a1240f50636655520ac8ed22aa29473b8517b4abfdbc3bc03bcad73fc8849}\n";
constexpr char kOtherHash[] =
    "sha256:912cf63e4e97cfdaa27ba19112c7881169eaa82676c40b0ce253f165738dafd2";
constexpr int64_t kHour = 3600;
// An hour is what a mistake would cost.
constexpr seconds kSoon{20};

class ClockE2eTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(server_.AwaitReady()) << server_.process().Log(); }

  // From where the clock was at first.
  void SetClock(int64_t jump) const {
    std::fstream file(clock_, std::ios::binary | std::ios::in | std::ios::out);
    file.write(reinterpret_cast<const char*>(&jump), sizeof(jump));
  }

  // The statuses of so many images of one request.
  std::vector<absl::Status> Embed(size_t count, absl::Duration timeout) const {
    client::ClientOptions once;
    once.retry.max_attempts = 1;
    once.own_connection = true;
    once.api_key = "a-key";
    const std::string jpeg =
        *ReadFile(SNAPVIT_SOURCE_DIR "/tests/testdata/images/decode/grey.jpg", size_t{1} << 20);
    const std::vector<client::ImageInput> images(count, client::EncodedImage{jpeg});
    client::EmbedOptions options;
    options.timeout = timeout;
    const auto results = server_.MakeClient(once)->Embed(images, options);
    if (!results.ok()) return {results.status()};
    std::vector<absl::Status> statuses;
    for (const auto& result : *results) statuses.push_back(result.embedding.status());
    return statuses;
  }
  // Until work waits.
  void AwaitQueue() const {
    while (HttpGet(server_.http_port(), "/status.json").find("\"queue_items\":0") !=
           std::string::npos) {
    }
  }

  const TemporaryFolder folder_;
  const std::string clock_ = folder_.Write("clock", std::string(sizeof(int64_t), '\0'));
  ServerProcess server_{{"--engine", "simulated:" + folder_.Write("profile.json", kProfile),
                         "--tenants", folder_.Write("tenants.yaml", kTenants)},
                        [this] {
                          setenv("LD_PRELOAD", SNAPVIT_CLOCK_JUMP, 1);
                          setenv("CLOCK_JUMP_FILE", clock_.c_str(), 1);
                        }};
};

TEST_F(ClockE2eTest, ADrainIsNotCutShortByAClockThatIsSetForward) {
  auto accepted = std::async(std::launch::async, [this] { return Embed(6, absl::Seconds(50)); });
  AwaitQueue();
  server_.process().Signal(SIGTERM);
  while (HttpGet(server_.http_port(), "/status.json").find("\"state\":\"draining\"") ==
         std::string::npos) {
  }
  SetClock(kHour);
  for (const absl::Status& status : accepted.get()) EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(server_.process().Wait(), 0) << server_.process().Log();
  EXPECT_THAT(server_.process().Log(), HasSubstr("all_requests_answered=true"));
}

TEST_F(ClockE2eTest, AClockThatIsSetBackStopsNothing) {
  SetClock(-kHour);
  const auto start = steady_clock::now();
  // Noticed by the thread that looks once a second.
  folder_.Write("tenants.yaml", std::string(kTenants) + "  b: {keys: " + kOtherHash + "}\n");
  while (HttpGet(server_.http_port(), "/status.json").find("\"name\":\"b\"") == std::string::npos) {
    ASSERT_LT(steady_clock::now() - start, kSoon) << "the tenants file is not looked at any more";
  }
  for (const absl::Status& status : Embed(2, absl::Seconds(50))) EXPECT_TRUE(status.ok()) << status;
  server_.process().Signal(SIGTERM);
  EXPECT_EQ(server_.process().Wait(), 0) << server_.process().Log();
  EXPECT_LT(steady_clock::now() - start, kSoon);
}

}  // namespace
}  // namespace snapvit
