// A running server: requests at budgets, bad input, pages, and the way it ends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "client/rpc_error.h"
#include "core/base/file.h"
#include "tests/e2e/server_process.h"
#include "tests/testing/http_client.h"

namespace snapvit {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string TestImage(const std::string& name) {
  return *ReadFile(std::string(SNAPVIT_SOURCE_DIR "/tests/testdata/images/decode/") + name,
                   size_t{1} << 20);
}

// The start of a PNG whose header says 100 000 × 100 000 pixels.
std::string HugePngHeader() {
  using namespace std::string_literals;
  return "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\x01\x86\xA0\0\x01\x86\xA0\x08\x02\0\0\0\x4a\x5f\x1d\x29"s;
}

class ServerE2eTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    // Views of a random model are of no use to anybody, but each of them is to be served.
    server_ = new ServerProcess({"--floor", "0.25"});
    ASSERT_TRUE(server_->AwaitReady()) << server_->process().Log();
  }
  static void TearDownTestSuite() {
    server_->process().Signal(SIGTERM);
    EXPECT_EQ(server_->process().Wait(), 0) << server_->process().Log();
    delete server_;
    server_ = nullptr;
  }

  static ServerProcess* server_;
};

ServerProcess* ServerE2eTest::server_ = nullptr;

TEST_F(ServerE2eTest, EveryBudgetIsServedFromTheSameWeights) {
  const auto client = server_->MakeClient();
  const std::string jpeg = TestImage("grey.jpg");
  const client::ImageInput images[] = {client::EncodedImage{jpeg}};
  std::string space;
  uint32_t last_rung = 1000;
  for (const double compute : {1.0, 0.987, 0.75, 0.5, 0.333}) {
    client::EmbedOptions options;
    options.budget.set_compute(compute);
    const auto results = client->Embed(images, options);
    ASSERT_TRUE(results.ok()) << results.status();
    const client::EmbedResult& result = results->front();
    ASSERT_TRUE(result.embedding.ok()) << result.embedding.status();
    EXPECT_EQ(result.embedding->shape, std::vector<int64_t>{24});
    EXPECT_LE(result.receipt->served_compute, compute);
    EXPECT_EQ(result.receipt->reason, "AS_REQUESTED");
    EXPECT_LT(result.receipt->rung, last_rung);
    last_rung = result.receipt->rung;
    if (space.empty()) space = result.receipt->embedding_space_id;
    EXPECT_EQ(result.receipt->embedding_space_id, space);
  }
}

TEST_F(ServerE2eTest, BadImagesAreNamedAndTheirNeighboursAnswered) {
  const auto client = server_->MakeClient();
  const std::string jpeg = TestImage("grey.jpg");
  const std::string truncated = jpeg.substr(0, jpeg.size() / 2);
  const std::string huge = HugePngHeader();
  const std::vector<float> wrong_size(3 * 16 * 16);
  const client::ImageInput images[] = {
      client::EncodedImage{jpeg}, client::EncodedImage{truncated},
      client::EncodedImage{huge}, client::EncodedImage{"Dear server, this is text.\n"},
      client::EncodedImage{""},   client::InputTensor{16, 16, wrong_size},
      client::EncodedImage{jpeg}};
  const auto results = client->Embed(images, {});
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_TRUE((*results)[0].embedding.ok()) << (*results)[0].embedding.status();
  EXPECT_TRUE((*results)[6].embedding.ok()) << (*results)[6].embedding.status();
  const char* expected[] = {"truncated", "100000 x 100000", "JPEG", "empty", "[3, 32, 32]"};
  for (int i = 1; i <= 5; ++i) {
    const absl::Status& error = (*results)[i].embedding.status();
    const bool too_large = i == 2;
    EXPECT_EQ(error.code(),
              too_large ? absl::StatusCode::kResourceExhausted : absl::StatusCode::kInvalidArgument)
        << i;
    EXPECT_THAT(std::string(error.message()),
                AllOf(StartsWith("images[" + std::to_string(i) + "]"), HasSubstr(expected[i - 1])));
  }
}

TEST_F(ServerE2eTest, FaultsOfTheRequestFailTheCallAndTheServerLives) {
  const auto client = server_->MakeClient();
  const std::string jpeg = TestImage("grey.jpg");
  const client::ImageInput images[] = {client::EncodedImage{jpeg}};
  client::EmbedOptions options;
  for (const double compute : {0.0, -1.0, 7.0}) {
    options.budget.set_compute(compute);
    EXPECT_EQ(client->Embed(images, options).status().code(), absl::StatusCode::kInvalidArgument);
  }
  options = {};
  options.model = "another";
  EXPECT_EQ(client->Embed(images, options).status().code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(client->Embed(images, {}).ok());
}

TEST_F(ServerE2eTest, ClassifyNamesTheLabels) {
  const auto client = server_->MakeClient();
  const std::string png = TestImage("grey_8.png");
  const client::ImageInput images[] = {client::EncodedImage{png}};
  client::ClassifyOptions options;
  options.top_k = 3;
  const auto results = client->Classify(images, options);
  ASSERT_TRUE(results.ok()) << results.status();
  ASSERT_TRUE(results->front().labels.ok()) << results->front().labels.status();
  ASSERT_EQ(results->front().labels->size(), 3U);
  EXPECT_THAT(results->front().labels->front().label, StartsWith("class "));
}

TEST_F(ServerE2eTest, PagesAndHealthSayThatItServes) {
  EXPECT_THAT(HttpGet(server_->http_port(), "/healthz"), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(HttpGet(server_->http_port(), "/readyz"),
              AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("\"ready\":true")));
  EXPECT_THAT(HttpGet(server_->http_port(), "/metrics"),
              AllOf(HasSubstr("snapvit_ready 1"), HasSubstr("snapvit_ladder_fidelity{")));
  const auto client = server_->MakeClient();
  EXPECT_EQ(*client->Check("", absl::Seconds(5)), client::Health::kServing);
  EXPECT_EQ(*client->Check("snapvit.v1.Inference", absl::Seconds(5)), client::Health::kServing);
}

TEST_F(ServerE2eTest, TheModelDescribesItsLadder) {
  const auto info = server_->MakeClient()->GetModel("", absl::Seconds(5));
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->name(), "cls_token");
  EXPECT_EQ(info->state(), "ready");
  ASSERT_GT(info->ladder_size(), 3);
  EXPECT_EQ(info->ladder(info->ladder_size() - 1).compute(), 1);
  EXPECT_GT(info->ladder(0).latency_size(), 0);
}

// Or it says at once why not.
TEST_F(ServerE2eTest, Int8IsServedWhereTheProcessorMultipliesIt) {
  ServerProcess server({"--dtype", "int8", "--floor", "0.25"});
  if (!server.AwaitReady()) {
    EXPECT_THAT(server.process().Log(), HasSubstr("this processor has no products of int8"));
    return;
  }
  const auto client = server.MakeClient();
  const auto info = client->GetModel("", absl::Seconds(5));
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->dtype(), v1::DTYPE_INT8);
  EXPECT_THAT(server.process().Log(), HasSubstr("dtype=int8"));
  EXPECT_THAT(HttpGet(server.http_port(), "/metrics"), HasSubstr("dtype=\"int8\""));
  const std::string jpeg = TestImage("grey.jpg");
  const client::ImageInput images[] = {client::EncodedImage{jpeg}};
  const auto results = client->Embed(images, {});
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_TRUE((*results)[0].embedding.ok());
}

TEST_F(ServerE2eTest, WhatWasAcceptedIsAnsweredWhenItIsToldToStop) {
  ServerProcess server;
  ASSERT_TRUE(server.AwaitReady()) << server.process().Log();
  const auto client = server.MakeClient();
  const std::string jpeg = TestImage("grey.jpg");
  // Keeps asking until the server refuses; every answer before that is whole.
  int answered = 0;
  absl::Status refused;
  std::thread caller([&] {
    const client::ImageInput images[] = {client::EncodedImage{jpeg}, client::EncodedImage{jpeg}};
    client::EmbedOptions options;
    options.timeout = absl::Seconds(2);
    while (true) {
      const auto results = client->Embed(images, options);
      if (!results.ok()) {
        refused = results.status();
        return;
      }
      for (const client::EmbedResult& result : *results) EXPECT_TRUE(result.embedding.ok());
      if (++answered == 20) server.process().Signal(SIGTERM);
    }
  });
  EXPECT_EQ(server.process().Wait(), 0);
  caller.join();
  EXPECT_GE(answered, 20);
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable) << refused;
  EXPECT_THAT(server.process().Log(), HasSubstr("all_requests_answered=true"));
}

}  // namespace
}  // namespace snapvit
