// A running server and those who mean it ill: connections by the thousand, texts that want to be
// something else, doors that are left open.
#include <gmock/gmock.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/base/file.h"
#include "core/base/sha256.h"
#include "inference/grpc_service.grpc.pb.h"
#include "snapvit/v1/admin.grpc.pb.h"
#include "snapvit/v1/inference.grpc.pb.h"
#include "tests/e2e/server_process.h"
#include "tests/testing/http2_client.h"
#include "tests/testing/http_client.h"

namespace snapvit {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kSimulated[] =
    "simulated:" SNAPVIT_SOURCE_DIR "/tests/bench/profiles/batching-device.json";

v1::EmbedRequest OneImage() {
  v1::EmbedRequest request;
  request.add_images()->set_encoded(
      *ReadFile(SNAPVIT_SOURCE_DIR "/tests/testdata/images/decode/grey.jpg", size_t{1} << 20));
  return request;
}

grpc::Status Embed(const ServerProcess& server, const v1::EmbedRequest& request,
                   const std::string& key = "") {
  const auto channel = grpc::CreateChannel(server.target(), grpc::InsecureChannelCredentials());
  grpc::ClientContext rpc;
  if (!key.empty()) rpc.AddMetadata("authorization", "Bearer " + key);
  v1::EmbedResponse response;
  return v1::Inference::NewStub(channel)->Embed(&rpc, request, &response);
}

uint16_t PortOf(const std::string& target) {
  return static_cast<uint16_t>(std::stoi(target.substr(target.rfind(':') + 1)));
}

long ResidentKib(pid_t pid) {
  std::ifstream status(absl::StrCat("/proc/", pid, "/status"));
  for (std::string line; std::getline(status, line);) {
    if (absl::StartsWith(line, "VmRSS:")) return std::stol(line.substr(6));
  }
  return 0;
}

// As many connections as are asked for, or as the limit of descriptors leaves room for.
size_t RaiseOwnLimit(size_t connections) {
  rlimit limit = {};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  const size_t room = limit.rlim_cur < 1000 ? 100 : limit.rlim_cur - 500;
  if (room < connections) {
    std::cout << "the limit of descriptors leaves room for " << room << " connections, not "
              << connections << "\n";
  }
  return std::min(connections, room);
}

TEST(HostileE2eTest, ReflectionCanBeSwitchedOff) {
  for (const char* reflection : {"on", "off"}) {
    ServerProcess server({"--engine", kSimulated, "--reflection", reflection});
    ASSERT_TRUE(server.AwaitReady()) << server.process().Log();
    grpc::GenericStub stub(
        grpc::CreateChannel(server.target(), grpc::InsecureChannelCredentials()));
    grpc::ClientContext rpc;
    grpc::CompletionQueue queue;
    const auto call = stub.PrepareCall(
        &rpc, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &queue);
    void* tag = nullptr;
    bool ok = false;
    call->StartCall(nullptr);
    queue.Next(&tag, &ok);
    call->WritesDone(nullptr);
    queue.Next(&tag, &ok);
    grpc::Status status;
    call->Finish(&status, nullptr);
    queue.Next(&tag, &ok);
    EXPECT_EQ(status.error_code(), std::string(reflection) == "on"
                                       ? grpc::StatusCode::OK
                                       : grpc::StatusCode::UNIMPLEMENTED);
  }
}

TEST(HostileE2eTest, TenThousandIdleConnectionsTakeNothingFromOthers) {
  const size_t count = RaiseOwnLimit(10'000);
  // They answer nothing, and a busy machine may need minutes to open them all.
  ServerProcess server(
      {"--engine", kSimulated, "--keepalive", "1h", "--handshake-time", "unlimited"});
  ASSERT_TRUE(server.AwaitReady()) << server.process().Log();
  EXPECT_TRUE(Embed(server, OneImage()).ok());
  const long before = ResidentKib(server.process().pid());
  {
    std::vector<std::unique_ptr<Http2Connection>> idle;
    for (size_t i = 0; i < count; ++i) {
      idle.push_back(std::make_unique<Http2Connection>(PortOf(server.target())));
    }
    for (const auto& connection : idle) {
      ASSERT_TRUE(connection->Await(Http2Frame::kSettings).has_value());
    }
    const long after = ResidentKib(server.process().pid());
    std::cout << count << " idle gRPC connections: " << (after - before) / 1024 << " MiB, "
              << (after - before) / static_cast<long>(count) << " KiB each\n";
    EXPECT_TRUE(Embed(server, OneImage()).ok());
    const std::string metrics = HttpGet(server.http_port(), "/metrics");
    const std::string series = "snapvit_connections{listener=\"grpc\"} ";
    const size_t at = metrics.find(series);
    ASSERT_NE(at, std::string::npos) << metrics;
    EXPECT_GE(std::stoul(metrics.substr(at + series.size())), count);
  }
  std::vector<std::unique_ptr<HttpConnection>> idle;
  for (size_t i = 0; i < count; ++i) {
    idle.push_back(std::make_unique<HttpConnection>(server.http_port()));
    if (i % 1000 != 0) continue;
    EXPECT_THAT(HttpGet(server.http_port(), "/readyz"), StartsWith("HTTP/1.1 200 "));
  }
  EXPECT_THAT(HttpGet(server.http_port(), "/readyz"), StartsWith("HTTP/1.1 200 "));
  EXPECT_TRUE(Embed(server, OneImage()).ok());
  idle.clear();
  server.process().Signal(SIGTERM);
  EXPECT_EQ(server.process().Wait(), 0) << server.process().Log();
}

TEST(HostileE2eTest, ConnectionsAboveTheLimitAreRefusedAndCounted) {
  ServerProcess server({"--engine", kSimulated, "--max-connections", "4"});
  ASSERT_TRUE(server.AwaitReady()) << server.process().Log();
  std::vector<std::unique_ptr<Http2Connection>> connections;
  for (int i = 0; i < 4; ++i) {
    connections.push_back(std::make_unique<Http2Connection>(PortOf(server.target())));
    ASSERT_TRUE(connections.back()->Await(Http2Frame::kSettings).has_value());
  }
  Http2Connection fifth(PortOf(server.target()));
  EXPECT_TRUE(fifth.AwaitClose());
  EXPECT_THAT(HttpGet(server.http_port(), "/metrics"),
              HasSubstr("snapvit_refusals_total{reason=\"CONNECTIONS\"} 1\n"));
  EXPECT_THAT(server.process().Log(), HasSubstr("event=connection_refused"));
}

// What limits of time say, they do in the running server, too.
TEST(HostileE2eTest, StreamsThatStandStillAreEnded) {
  ServerProcess server({"--engine", kSimulated, "--stream-idle", "100ms"});
  ASSERT_TRUE(server.AwaitReady()) << server.process().Log();
  const auto channel = grpc::CreateChannel(server.target(), grpc::InsecureChannelCredentials());
  grpc::ClientContext rpc;
  const auto stream = v1::Inference::NewStub(channel)->EmbedStream(&rpc);
  v1::EmbedResponse response;
  EXPECT_FALSE(stream->Read(&response));
  const grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_THAT(status.error_message(), HasSubstr("--stream-idle"));
  EXPECT_THAT(HttpGet(server.http_port(), "/metrics"),
              HasSubstr("snapvit_refusals_total{reason=\"STREAM_IDLE\"} 1\n"));
}

// --- What is said about whom ---

// A line of the log in text form: fields of a name, "=" and a value, which is bare or in quotes.
bool IsLogLine(const std::string& line) {
  if (!absl::StartsWith(line, "ts=")) return false;
  size_t at = 0;
  while (at < line.size()) {
    const size_t name = at;
    while (at < line.size() && (std::islower(line[at]) != 0 || line[at] == '_')) ++at;
    if (at == name || at == line.size() || line[at] != '=') return false;
    ++at;
    if (at < line.size() && line[at] == '"') {
      for (++at; at < line.size() && line[at] != '"'; ++at) {
        if (line[at] == '\\') ++at;
        if (static_cast<unsigned char>(line[at]) < 0x20) return false;
      }
      ++at;
    } else {
      while (at < line.size() && line[at] != ' ' && line[at] != '"' && line[at] != '=') ++at;
    }
    if (at < line.size() && line[at++] != ' ') return false;
  }
  return true;
}

// Calls of every kind with a text wherever a caller may put one.
void SayEverywhere(const ServerProcess& server, const std::string& text, const std::string& key) {
  v1::EmbedRequest request = OneImage();
  request.set_id(text);
  Embed(server, request, key);
  request.set_model(text);
  Embed(server, request, key);
  const auto channel = grpc::CreateChannel(server.target(), grpc::InsecureChannelCredentials());
  inference::ModelInferRequest infer;
  infer.set_id(text);
  infer.set_model_name(text);
  infer.set_model_version(text);
  infer.add_inputs()->set_name(text);
  (*infer.mutable_parameters())[text].set_string_param(text);
  inference::ModelInferResponse response;
  grpc::ClientContext infer_rpc;
  infer_rpc.AddMetadata("authorization", "Bearer " + key);
  inference::GRPCInferenceService::NewStub(channel)->ModelInfer(&infer_rpc, infer, &response);
  grpc::ClientContext admin_rpc;
  v1::ReloadOrderingRequest reload;
  reload.set_path(text);
  v1::ReloadOrderingResponse reloaded;
  server.MakeAdmin()->ReloadOrdering(&admin_rpc, reload, &reloaded);
  const std::string body = nlohmann::json({{"input", text}, {"model", text}, {"id", text}})
                               .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  HttpExchange(server.http_port(),
               absl::StrCat("POST /v1/embeddings HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                            "Authorization: Bearer ",
                            key, "\r\nContent-Length: ", body.size(), "\r\n\r\n", body));
}

std::string TenantsFile(const std::string& key) {
  Sha256 hash;
  hash.Add(key.data(), key.size());
  return "tenants:\n  a:\n    keys: sha256:" + hash.HexDigest() + "\n";
}

TEST(HostileE2eTest, CallersForgeNoLinesOfTheLogAndKeysAreNowhere) {
  const TemporaryFolder folder;
  const std::string key = "sesame-4711-open";
  const std::string wrong_key = "sesame-0815-shut";
  const std::string attack =
      "x\nts=now level=error event=forged\r\n{\"event\":\"forged\"}\x1b[31m\" \\ \xE2\x80\xAE" +
      std::string(100'000, 'A');
  for (const char* format : {"text", "json"}) {
    ServerProcess server({"--engine", kSimulated, "--log-level", "debug", "--log-format", format,
                          "--tenants", folder.Write("tenants.yaml", TenantsFile(key))});
    ASSERT_TRUE(server.AwaitReady()) << server.process().Log();
    for (const std::string& with : {key, wrong_key}) SayEverywhere(server, attack, with);
    const std::string seen = HttpGet(server.http_port(), "/metrics") +
                             HttpGet(server.http_port(), "/status.json") +
                             HttpGet(server.http_port(), "/" + key);
    server.process().Signal(SIGTERM);
    EXPECT_EQ(server.process().Wait(), 0);
    const std::string log = server.process().Log();
    EXPECT_THAT(log, AllOf(HasSubstr("authentication_failed"), HasSubstr("request_failed"),
                           HasSubstr("request_done")));
    for (const std::string& secret : {key, wrong_key}) {
      EXPECT_THAT(log, Not(HasSubstr(secret)));
    }
    EXPECT_THAT(seen, Not(HasSubstr("forged")));
    for (const absl::string_view line : absl::StrSplit(log, '\n', absl::SkipEmpty())) {
      const std::string text(line);
      EXPECT_LT(text.size(), 16'384U);
      if (std::string(format) == "text") {
        EXPECT_TRUE(IsLogLine(text)) << text;
        EXPECT_THAT(text.substr(0, text.find(" event=") + 13), Not(HasSubstr("forged")));
      } else {
        const nlohmann::json object = nlohmann::json::parse(text, nullptr, false);
        ASSERT_TRUE(object.is_object()) << text;
        EXPECT_NE(object["event"], "forged");
      }
    }
  }
}

// --- Doors ---

TEST(HostileE2eTest, OperatorsAndCallersHaveListenersOfTheirOwn) {
  ServerProcess server({"--engine", kSimulated});
  ASSERT_TRUE(server.AwaitReady()) << server.process().Log();
  const auto callers = grpc::CreateChannel(server.target(), grpc::InsecureChannelCredentials());
  grpc::ClientContext status_rpc;
  v1::Status state;
  EXPECT_EQ(v1::Admin::NewStub(callers)->GetStatus(&status_rpc, {}, &state).error_code(),
            grpc::StatusCode::UNIMPLEMENTED);
  const auto operators =
      grpc::CreateChannel(server.admin_target(), grpc::InsecureChannelCredentials());
  grpc::ClientContext embed_rpc;
  v1::EmbedResponse response;
  EXPECT_EQ(
      v1::Inference::NewStub(operators)->Embed(&embed_rpc, OneImage(), &response).error_code(),
      grpc::StatusCode::UNIMPLEMENTED);
}

TEST(HostileE2eTest, DoorsThatAreLeftOpenAreSaid) {
  {
    ServerProcess closed({"--engine", kSimulated});
    ASSERT_TRUE(closed.AwaitReady()) << closed.process().Log();
    EXPECT_THAT(closed.process().Log(), Not(HasSubstr("is_open")));
  }
  ServerProcess open({"--engine", kSimulated, "--listen", "0.0.0.0:0", "--http", "0.0.0.0:0",
                      "--admin-listen", "0.0.0.0:0"});
  ASSERT_TRUE(open.AwaitReady()) << open.process().Log();
  const std::string log = open.process().Log();
  EXPECT_THAT(log, HasSubstr("level=warning event=admin_listener_is_open"));
  const size_t first = log.find("level=warning event=listener_is_open");
  ASSERT_NE(first, std::string::npos) << log;
  EXPECT_NE(log.find("level=warning event=listener_is_open", first + 1), std::string::npos) << log;
}

}  // namespace
}  // namespace snapvit
