// Admin.Drain as operators use it: what was accepted is answered, then the process ends.
#include <grpcpp/client_context.h>
#include <gtest/gtest.h>

#include <future>
#include <string>
#include <vector>

#include "core/base/file.h"
#include "tests/e2e/server_process.h"
#include "tests/testing/temporary_folder.h"

namespace snapvit {
namespace {

// Slow enough to be asked for something else meanwhile.
constexpr char kProfile[] = R"({"cells": [
  {"served_compute": 0.5, "fidelity": 0.95, "batch": 1, "latency_ms": 400},
  {"served_compute": 1, "fidelity": 1, "batch": 1, "latency_ms": 400}]})";

class DrainE2eTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(server_.AwaitReady()) << server_.process().Log(); }

  // Statuses of so many images of one request, which is not sent again.
  std::vector<absl::Status> Embed(size_t count) const {
    client::ClientOptions once;
    once.retry.max_attempts = 1;
    const std::string jpeg =
        *ReadFile(SNAPVIT_SOURCE_DIR "/tests/testdata/images/decode/grey.jpg", size_t{1} << 20);
    const std::vector<client::ImageInput> images(count, client::EncodedImage{jpeg});
    const auto results = server_.MakeClient(once)->Embed(images, {});
    if (!results.ok()) return std::vector<absl::Status>(count, results.status());
    std::vector<absl::Status> statuses;
    for (const auto& result : *results) statuses.push_back(result.embedding.status());
    return statuses;
  }
  v1::Status State() const {
    grpc::ClientContext rpc;
    v1::Status state;
    EXPECT_TRUE(server_.MakeAdmin()->GetStatus(&rpc, {}, &state).ok());
    return state;
  }
  std::string Drain() const {
    grpc::ClientContext rpc;
    v1::Status state;
    EXPECT_TRUE(server_.MakeAdmin()->Drain(&rpc, {}, &state).ok());
    return state.state();
  }

  TemporaryFolder folder_;
  ServerProcess server_{{"--engine", "simulated:" + folder_.Write("profile.json", kProfile)}};
};

TEST_F(DrainE2eTest, AnswersWhatWasAcceptedAndEnds) {
  auto accepted = std::async(std::launch::async, [this] { return Embed(8); });
  while (State().tenants(0).queued_items() == 0) {
  }
  const auto client = server_.MakeClient();
  EXPECT_EQ(*client->Check("", absl::Seconds(5)), client::Health::kServing);
  EXPECT_EQ(Drain(), "draining");
  EXPECT_EQ(*client->Check("", absl::Seconds(5)), client::Health::kNotServing);
  EXPECT_EQ(*client->Check("readiness", absl::Seconds(5)), client::Health::kNotServing);
  EXPECT_EQ(*client->Check("liveness", absl::Seconds(5)), client::Health::kServing);
  EXPECT_EQ(Embed(1).front().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Drain(), "draining") << "a second one changes nothing";
  for (const absl::Status& status : accepted.get()) EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(server_.process().Wait(), 0) << server_.process().Log();
}

TEST_F(DrainE2eTest, EndsAtOnceWhenThereIsNothingToDo) {
  EXPECT_EQ(Drain(), "draining");
  EXPECT_EQ(server_.process().Wait(), 0) << server_.process().Log();
}

}  // namespace
}  // namespace snapvit
