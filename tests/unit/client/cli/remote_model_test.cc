// The remote side of the verbs, against a server whose answers are written here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/testing/temporary_folder.h"
#include "tests/unit/client/cli/command_line_run.h"
#include "tests/unit/client/fake_server.h"

namespace snapvit::cli {
namespace {

using ::testing::HasSubstr;

TEST(RemoteVerbs, EmbedSendsFilesAndBudgetAndSkipsWhatCannotBeRead) {
  client::FakeServer server;
  v1::EmbedRequest seen;
  server.embed = [&seen](grpc::ServerContext&, const v1::EmbedRequest& request,
                         v1::EmbedResponse& response) {
    seen = request;
    client::EchoNumbers(request, response);
    return grpc::Status::OK;
  };
  const TemporaryFolder folder;
  const CommandLineRun run =
      RunSnapvit({"embed", "/no/such.png", folder.Write("a.jpg", "41"), "--target", server.target(),
                  "--budget", "fidelity:0.9", "--floor", "0.3", "--strict", "--normalize"});
  EXPECT_EQ(run.status, 1);
  EXPECT_THAT(run.out, HasSubstr("\"embedding\":[41.0]"));
  EXPECT_THAT(run.err, HasSubstr("/no/such.png: NOT_FOUND"));
  EXPECT_EQ(seen.images_size(), 1);
  EXPECT_EQ(seen.budget().fidelity(), 0.9);
  EXPECT_EQ(seen.budget().floor_compute(), 0.3);
  EXPECT_TRUE(seen.budget().strict());
  EXPECT_TRUE(seen.output().normalize());
}

TEST(RemoteVerbs, TheKeyComesFromAFileAndNeverFromTheCommandLine) {
  client::FakeServer server;
  std::string authorization;
  server.embed = [&](grpc::ServerContext& context, const v1::EmbedRequest& request,
                     v1::EmbedResponse& response) {
    const auto entry = context.client_metadata().find("authorization");
    if (entry != context.client_metadata().end()) {
      authorization = std::string(entry->second.data(), entry->second.size());
    }
    client::EchoNumbers(request, response);
    return grpc::Status::OK;
  };
  const TemporaryFolder folder;
  const std::string image = folder.Write("a.jpg", "1");
  const std::string key = folder.Write("key", "s3cret\n");
  EXPECT_EQ(RunSnapvit({"embed", image, "--target", server.target(), "--api-key-file", key}).status,
            0);
  EXPECT_EQ(authorization, "Bearer s3cret");
  EXPECT_EQ(RunSnapvit({"embed", image, "--target", server.target(), "--api-key", "s3cret"}).status,
            2);
  const CommandLineRun empty = RunSnapvit(
      {"embed", image, "--target", server.target(), "--api-key-file", folder.Write("empty", "\n")});
  EXPECT_EQ(empty.status, 2);
  EXPECT_THAT(empty.err, HasSubstr("--api-key-file"));
}

TEST(RemoteVerbs, FilesOfEncryptionAreNamedWhenTheyAreNotThere) {
  const TemporaryFolder folder;
  const std::string image = folder.Write("a.jpg", "1");
  const CommandLineRun absent =
      RunSnapvit({"embed", image, "--target", "b:1", "--tls-ca", "/no/such.crt"});
  EXPECT_EQ(absent.status, 2);
  EXPECT_THAT(absent.err, HasSubstr("--tls-ca: "));
  EXPECT_THAT(absent.err, HasSubstr("/no/such.crt"));
  EXPECT_THAT(RunSnapvit({"embed", image, "--target", "b:1", "--tls-cert", image}).err,
              HasSubstr("--tls-cert and --tls-key go together"));
}

TEST(RemoteVerbs, ARefusalIsExitTwoWithTheServersWords) {
  client::FakeServer server;
  server.classify = [](grpc::ServerContext&, const v1::ClassifyRequest&, v1::ClassifyResponse&) {
    return client::MakeGrpcError(grpc::StatusCode::FAILED_PRECONDITION, "no classifier here",
                                 "NO_CLASSIFIER");
  };
  const TemporaryFolder folder;
  const CommandLineRun run =
      RunSnapvit({"classify", folder.Write("a.jpg", "1"), "--target", server.target()});
  EXPECT_EQ(run.status, 2);
  EXPECT_THAT(run.err, HasSubstr("no classifier here"));
}

TEST(RemoteVerbs, InspectShowsTheLadderOfAServer) {
  client::FakeServer server;
  server.get_model = [](const v1::GetModelRequest&, v1::ModelInfo& info) {
    info.set_name("far");
    v1::Rung* rung = info.add_ladder();
    rung->set_compute(0.5);
    rung->set_fidelity(0.9);
    return grpc::Status::OK;
  };
  const CommandLineRun run = RunSnapvit({"inspect", "--target", server.target(), "--json"});
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_EQ(run.json()["name"], "far");
  EXPECT_EQ(run.json()["ladder"][0]["fidelity"], 0.9);
  EXPECT_TRUE(run.json()["ladder"][0]["agreement"].is_null());
}

TEST(RemoteVerbs, ServerThatIsNotThere) {
  const TemporaryFolder folder;
  const CommandLineRun run = RunSnapvit(
      {"embed", folder.Write("a.jpg", "1"), "--target", "127.0.0.1:1", "--timeout", "1"});
  EXPECT_EQ(run.status, 2);
  EXPECT_THAT(run.err, HasSubstr("connect"));
}

}  // namespace
}  // namespace snapvit::cli
