// The verb as a user runs it, against a server whose answers are written here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/file.h"
#include "tests/testing/temporary_folder.h"
#include "tests/unit/client/cli/command_line_run.h"
#include "tests/unit/client/cli/well_formed_xml.h"
#include "tests/unit/client/fake_server.h"

namespace snapvit::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class BenchVerbTest : public ::testing::Test {
 protected:
  BenchVerbTest() {
    server_.get_model = [](const v1::GetModelRequest&, v1::ModelInfo& info) {
      info.set_name("tiny");
      for (const int size : {3, 4, 4}) info.add_input_size(size);
      return grpc::Status::OK;
    };
    server_.embed = [](grpc::ServerContext&, const v1::EmbedRequest& request,
                       v1::EmbedResponse& response) {
      for (const v1::Image& image : request.images()) {
        EXPECT_EQ(image.tensor().data().size(), 3U * 4 * 4 * sizeof(float));
        v1::EmbedItem& item = *response.add_items();
        item.mutable_embedding();
        item.mutable_receipt()->set_served_compute(request.budget().compute());
        item.mutable_receipt()->set_estimated_fidelity(0.9);
      }
      return grpc::Status::OK;
    };
  }
  CommandLineRun Bench(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"bench", "--target", server_.target(), "--warmup", "0"});
    return RunSnapvit(std::move(arguments));
  }

  client::FakeServer server_;
  const TemporaryFolder folder_;
};

TEST_F(BenchVerbTest, PrintsOneJsonDocumentAndWritesTheCourse) {
  const std::string svg = folder_.path() + "/load.svg";
  const std::string csv = folder_.path() + "/load.csv";
  const CommandLineRun run =
      Bench({"--rate", "100", "--arrivals", "constant", "--duration", "0.2", "--budget", "0.5",
             "--deadline", "60000", "--batch", "2", "--json", "--svg", svg, "--timeline", csv});
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_EQ(run.json()["sent"], 20);
  EXPECT_EQ(run.json()["ok"], 20);
  EXPECT_EQ(run.json()["attainment"], 1.0);
  EXPECT_EQ(run.json()["mean_served_compute"], 0.5);
  EXPECT_EQ(run.json()["model"], "tiny");
  EXPECT_TRUE(IsWellFormedXml(*ReadFile(svg, 1 << 20)));
  EXPECT_THAT(*ReadFile(csv, 1 << 20), StartsWith("time_s,stream,"));
}

TEST_F(BenchVerbTest, SeveralStreamsComeFromAFile) {
  const std::string file = folder_.Write("streams.yaml",
                                         "- {name: a, arrivals: constant@100}\n"
                                         "- {name: b, arrivals: constant@200, budget: 1}\n");
  const CommandLineRun run =
      Bench({"--streams", file, "--budget", "0.25", "--duration", "0.1", "--json"});
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_EQ(run.json()["streams"][0]["sent"], 10);
  EXPECT_EQ(run.json()["streams"][0]["mean_served_compute"], 0.25);
  EXPECT_EQ(run.json()["streams"][1]["sent"], 20);
  EXPECT_EQ(run.json()["streams"][1]["mean_served_compute"], 1.0);
}

TEST_F(BenchVerbTest, WrongUsageIsTwoAndNamesWhatIsWrong) {
  const CommandLineRun none = Bench({});
  EXPECT_EQ(none.status, 2);
  EXPECT_THAT(none.err, HasSubstr("give a rate (open loop) or a concurrency (closed loop)"));
  EXPECT_THAT(Bench({"--rate", "1", "--budget", "9"}).err, HasSubstr("budget: "));
  EXPECT_THAT(Bench({"--rate", "1", "--images", "/no/such"}).err, HasSubstr("/no/such"));
  EXPECT_EQ(RunSnapvit({"bench", "--rate", "1"}).status, 2) << "without a target";
}

TEST_F(BenchVerbTest, FailedRequestsAreExitOneOrTwo) {
  server_.embed = [](grpc::ServerContext&, const v1::EmbedRequest&, v1::EmbedResponse&) {
    return grpc::Status(grpc::StatusCode::INTERNAL, "broken");
  };
  EXPECT_EQ(Bench({"--concurrency", "2", "--requests", "4"}).status, 2);
  server_.embed = [](grpc::ServerContext&, const v1::EmbedRequest&, v1::EmbedResponse&) {
    return client::MakeGrpcError(grpc::RESOURCE_EXHAUSTED, "full", "QUEUE_FULL");
  };
  const CommandLineRun shed = Bench({"--concurrency", "2", "--requests", "4", "--json"});
  EXPECT_EQ(shed.status, 0) << "shedding is a result";
  EXPECT_EQ(shed.json()["shed"], 4);
}

}  // namespace
}  // namespace snapvit::cli
