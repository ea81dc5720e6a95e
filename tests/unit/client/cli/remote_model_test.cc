// The remote side of the verbs, against a server whose answers are written here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/base/file.h"
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

// A folder of images whose bytes spell their numbers, from 0 on: several windows of 64. The server
// answers those below `fails_from`, and from `works_from` on.
class WindowsTest : public ::testing::Test {
 protected:
  // Files in the order of their numbers.
  void Write(int images) const {
    for (int i = 0; i < images; ++i) {
      folder_.Write(absl::StrFormat("images/%03d.jpg", i), absl::StrCat(i));
    }
  }
  void FailWith(grpc::StatusCode code) {
    server_.embed = [this, code](grpc::ServerContext&, const v1::EmbedRequest& request,
                                 v1::EmbedResponse& response) {
      for (const v1::Image& image : request.images()) {
        const int number = std::stoi(image.encoded());
        int highest = highest_;
        while (highest < number && !highest_.compare_exchange_weak(highest, number)) {
        }
        if (number >= fails_from_ && number < works_from_) return grpc::Status(code, "broken");
      }
      client::EchoNumbers(request, response);
      return grpc::Status::OK;
    };
  }
  CommandLineRun Embed(std::vector<std::string> flags) const {
    flags.insert(flags.begin(), {"embed", folder_.path() + "/images", "--target", server_.target(),
                                 "--timeout", "30"});
    return RunSnapvit(std::move(flags));
  }

  const TemporaryFolder folder_;
  int fails_from_ = 64;
  int works_from_ = 1000;
  std::atomic<int> highest_ = -1;  // number that was asked for
  client::FakeServer server_;
};

TEST_F(WindowsTest, AFailedCallIsTheErrorOfItsImagesAndTheOthersAreWritten) {
  Write(130);
  works_from_ = 128;
  FailWith(grpc::StatusCode::INTERNAL);
  const std::string array = folder_.path() + "/rows.npy";
  const CommandLineRun run = Embed({"--json", "-o", array});
  EXPECT_EQ(run.status, 1);
  const auto results = run.json()["results"];
  ASSERT_EQ(results.size(), 130U);
  EXPECT_EQ(results[63]["embedding"][0], 63);
  EXPECT_EQ(results[64]["error"]["code"], "INTERNAL");
  EXPECT_EQ(results[127]["error"]["message"], "broken");
  EXPECT_EQ(results[129]["embedding"][0], 129);
  EXPECT_THAT(run.err, HasSubstr("064.jpg: INTERNAL: broken"));
  EXPECT_THAT(*ReadFile(array, 1 << 20), HasSubstr("'shape': (130, 1), "));
}

TEST_F(WindowsTest, AServerThatIsGoneIsNotAskedForTheRest) {
  Write(200);
  FailWith(grpc::StatusCode::UNAUTHENTICATED);
  const CommandLineRun run = Embed({"--json"});
  EXPECT_EQ(run.status, 1);
  EXPECT_LT(highest_, 128);
  const auto results = run.json()["results"];
  ASSERT_EQ(results.size(), 200U) << "each image has its place";
  EXPECT_EQ(results[0]["embedding"][0], 0);
  EXPECT_EQ(results[199]["error"]["code"], "UNAUTHENTICATED");
  EXPECT_THAT(run.err, HasSubstr("72 more images were not asked for"));
}

TEST_F(WindowsTest, CallsThatFailInARowEndTheRunAtSomePoint) {
  Write(400);
  FailWith(grpc::StatusCode::INTERNAL);
  const CommandLineRun run = Embed({"--json"});
  EXPECT_EQ(run.status, 1);
  EXPECT_GE(highest_, 3 * 64);
  EXPECT_LT(highest_, 4 * 64);
  EXPECT_EQ(run.json()["results"].size(), 400U);
}

TEST_F(WindowsTest, ClassifyKeepsWhatWasAnsweredToo) {
  Write(70);
  server_.classify = [](grpc::ServerContext&, const v1::ClassifyRequest& request,
                        v1::ClassifyResponse& response) {
    for (const v1::Image& image : request.images()) {
      if (std::stoi(image.encoded()) >= 64) return grpc::Status(grpc::INTERNAL, "broken");
      response.add_items()->mutable_labels()->add_labels()->set_index(1);
    }
    return grpc::Status::OK;
  };
  const CommandLineRun run =
      RunSnapvit({"classify", folder_.path() + "/images", "--target", server_.target(), "--json"});
  EXPECT_EQ(run.status, 1);
  const auto results = run.json()["results"];
  ASSERT_EQ(results.size(), 70U);
  EXPECT_EQ(results[63]["labels"][0]["index"], 1);
  EXPECT_EQ(results[64]["error"]["code"], "INTERNAL");
}

TEST_F(WindowsTest, AnOutputThatCannotBeWrittenIsKnownBeforeAnyRequest) {
  Write(1);
  FailWith(grpc::StatusCode::INTERNAL);
  for (const std::string& output : {folder_.path() + "/none/rows.npy", folder_.path()}) {
    const CommandLineRun run = Embed({"-o", output});
    EXPECT_EQ(run.status, 2);
    EXPECT_THAT(run.err, HasSubstr("--output: "));
    EXPECT_THAT(run.err, HasSubstr(output));
  }
  EXPECT_EQ(highest_, -1);
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
  for (const char* flag : {"--ordering", "--cache-dir", "--rungs"}) {
    const CommandLineRun refused = RunSnapvit({"inspect", "--target", server.target(), flag, "31"});
    EXPECT_EQ(refused.status, 2);
    EXPECT_THAT(refused.err,
                HasSubstr(std::string(flag) + " goes with a model folder, not with --target"));
  }
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
