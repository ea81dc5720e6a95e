// Three servers behind HAProxy, as deploy/proxy/haproxy.cfg has it: one is killed under load, and
// no request that may be sent again is lost.
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "client/client.h"
#include "core/base/file.h"
#include "tests/e2e/process.h"
#include "tests/e2e/server_process.h"
#include "tests/testing/temporary_folder.h"

namespace snapvit {
namespace {

constexpr char kExampleConfig[] = SNAPVIT_SOURCE_DIR "/deploy/proxy/haproxy.cfg";
// Each image takes long enough that every server has some when it is killed.
constexpr char kProfile[] = R"({"cells": [
  {"served_compute": 0.5, "fidelity": 0.95, "batch": 1, "latency_ms": 20},
  {"served_compute": 1, "fidelity": 1, "batch": 1, "latency_ms": 20}]})";
constexpr int kCallers = 12;
constexpr int kBeforeKill = 120;
constexpr int kAfterKill = 360;

// Debian's is not in every user's PATH.
constexpr char kHaproxy[] = "/usr/sbin/haproxy";

// The example with our addresses: a socket for the frontend, so that no port has to be free.
std::string Config(const std::string& socket,
                   const std::vector<std::unique_ptr<ServerProcess>>& servers) {
  std::string config;
  size_t used = 0;
  const std::vector<std::string> lines = absl::StrSplit(*ReadFile(kExampleConfig, 1 << 20), '\n');
  for (const std::string& line : lines) {
    if (absl::StartsWith(line, "    bind ")) {
      absl::StrAppend(&config, "    bind ", socket, " proto h2\n");
    } else if (absl::StartsWith(line, "    server ")) {
      const ServerProcess& server = *servers.at(used++);
      absl::StrAppend(&config, "    server s", used, " ", server.target(), " port ",
                      server.http_port(), "\n");
    } else {
      absl::StrAppend(&config, line, "\n");
    }
  }
  EXPECT_EQ(used, servers.size());
  return config;
}

class HaproxyE2eTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kHaproxy)) {
      GTEST_SKIP() << "no " << kHaproxy << ": apt-get install haproxy";
    }
    const std::string profile = "simulated:" + folder_.Write("profile.json", kProfile);
    for (int i = 0; i < 3; ++i) {
      servers_.push_back(
          std::make_unique<ServerProcess>(std::vector<std::string>{"--engine", profile}));
    }
    for (const auto& server : servers_)
      ASSERT_TRUE(server->AwaitReady()) << server->process().Log();
    const std::string config = folder_.Write("haproxy.cfg", Config("unix@" + socket(), servers_));
    haproxy_ = std::make_unique<Process>(kHaproxy, std::vector<std::string>{"-db", "-f", config},
                                         folder_.path() + "/haproxy.log");
    const auto client = MakeClient();
    while (haproxy_->Running() &&
           client->Check("", absl::Seconds(5)).value_or(client::Health::kUnknown) !=
               client::Health::kServing) {
      // Another process is waited for: there is nothing of ours that could wake us.
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    ASSERT_TRUE(haproxy_->Running()) << haproxy_->Log();
  }

  std::string socket() const { return folder_.path() + "/haproxy.sock"; }

  std::unique_ptr<client::Client> MakeClient() {
    client::ClientOptions options;
    options.target = "unix:" + socket();
    options.own_connection = true;
    options.time.sleep = [this, sleep = options.time.sleep](absl::Duration duration) {
      ++retries_;
      sleep(duration);
    };
    return *client::Client::Create(options);
  }

  const TemporaryFolder folder_;
  std::vector<std::unique_ptr<ServerProcess>> servers_;
  std::unique_ptr<Process> haproxy_;
  std::atomic<int> retries_ = 0;
};

TEST_F(HaproxyE2eTest, KilledServerLosesNoRequest) {
  const std::string jpeg =
      *ReadFile(SNAPVIT_SOURCE_DIR "/tests/testdata/images/decode/grey.jpg", 1 << 20);
  const std::vector<client::ImageInput> image = {client::EncodedImage{jpeg}};
  std::atomic<int> answered = 0;
  std::atomic<int> lost = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < kCallers; ++i) {
    callers.emplace_back([&, client = std::shared_ptr(MakeClient())] {
      while (answered + lost < kBeforeKill + kAfterKill) {
        const auto results = client->Embed(image, {});
        const absl::Status status =
            results.ok() ? results->front().embedding.status() : results.status();
        ++(status.ok() ? answered : lost);
        EXPECT_TRUE(status.ok()) << status << "\n" << haproxy_->Log();
      }
    });
  }
  while (answered + lost < kBeforeKill) std::this_thread::yield();
  retries_ = 0;
  servers_[1]->process().Signal(SIGKILL);
  EXPECT_EQ(servers_[1]->process().Wait(), 128 + SIGKILL);
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(lost, 0);
  EXPECT_GE(answered, kBeforeKill + kAfterKill);
  EXPECT_GT(retries_, 0) << "the kill met no request: this test shows nothing";
}

}  // namespace
}  // namespace snapvit
