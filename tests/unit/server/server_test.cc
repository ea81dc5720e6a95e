#include "server/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>

#include <filesystem>
#include <memory>
#include <sstream>
#include <string>
#include <thread>

#include "core/base/file.h"
#include "tests/testing/http_client.h"
#include "tests/testing/temporary_folder.h"

namespace snapvit {
namespace {

using ::testing::HasSubstr;

// A whole server, but for a model.
class ServerTest : public ::testing::Test {
 protected:
  ServerTest() {
    options_.simulated_profile = SNAPVIT_SOURCE_DIR "/tests/bench/profiles/vit-s-cpu.json";
    options_.listen = options_.http = options_.admin_listen = {"127.0.0.1", 0};
    options_.ready_file = folder_.Write("ready.json", "of a server that was killed");
  }

  const TemporaryFolder folder_;
  std::ostringstream log_text_;
  const Logger log_{LogLevel::kInfo, LogFormat::kText,
                    std::make_shared<spdlog::sinks::ostream_sink_mt>(log_text_)};
  ServerOptions options_;
};

TEST_F(ServerTest, TheReadyFileIsThereWhileRequestsAreServed) {
  auto server = Server::Start(options_, &log_);
  ASSERT_TRUE(server.ok()) << server.status();
  const std::string address = (*server)->grpc_address().ToString();
  while (!std::filesystem::exists(options_.ready_file)) std::this_thread::yield();
  EXPECT_THAT(*ReadFile(options_.ready_file, 1000), HasSubstr(address));
  EXPECT_TRUE((*server)->Drain());
  EXPECT_FALSE(std::filesystem::exists(options_.ready_file));
}

TEST_F(ServerTest, AServerThatDoesNotStartLeavesNoReadyFileOfAnother) {
  options_.listen = {"192.0.2.1", 0};  // not ours
  EXPECT_FALSE(Server::Start(options_, &log_).ok());
  EXPECT_FALSE(std::filesystem::exists(options_.ready_file));
}

TEST_F(ServerTest, BuildInfoTellsWhatIsServed) {
  const auto server = *Server::Start(options_, &log_);
  while (!std::filesystem::exists(options_.ready_file)) std::this_thread::yield();
  EXPECT_THAT(HttpGet(server->http_address().port, "/metrics"),
              HasSubstr("snapvit_build_info{device=\"simulated\",dtype=\"fp32\","));
}

}  // namespace
}  // namespace snapvit
