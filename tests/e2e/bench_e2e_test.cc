// A server with a simulated engine under the load of `snapvit bench`: both as a user starts them.
#include <gtest/gtest.h>
#include <signal.h>

#include <nlohmann/json.hpp>
#include <string>

#include "tests/e2e/process.h"
#include "tests/e2e/server_process.h"
#include "tests/testing/temporary_folder.h"

namespace snapvit {
namespace {

constexpr char kSnapvit[] = SNAPVIT_BIN_DIR "/snapvit";
constexpr char kProfile[] = R"({
  "model": "pretended", "embedding_size": 16, "classes": 3, "input_size": [3, 8, 8],
  "cells": [{"served_compute": 0.5, "fidelity": 0.9, "batch": 1, "latency_ms": {"p50": 2}},
            {"served_compute": 0.5, "fidelity": 0.9, "batch": 8, "latency_ms": {"p50": 8}},
            {"served_compute": 1, "fidelity": 1, "batch": 1, "latency_ms": {"p50": 4}},
            {"served_compute": 1, "fidelity": 1, "batch": 8, "latency_ms": {"p50": 16}}]})";

TEST(BenchE2eTest, MeasuresASimulatedEngine) {
  const TemporaryFolder folder;
  ServerProcess server({"--engine", "simulated:" + folder.Write("profile.json", kProfile)});
  ASSERT_TRUE(server.AwaitReady()) << server.process().Log();
  Process bench(
      kSnapvit,
      {"bench", "--target", server.target(), "--rate", "100", "--duration", "1", "--warmup", "0.2",
       "--budget", "0.5:1,1:1", "--deadline", "30000", "--json", "--method", "classify"},
      folder.path() + "/bench.log");
  ASSERT_EQ(bench.Wait(), 0) << bench.Log();
  const std::string log = bench.Log();
  const size_t begin = log.find('{');  // behind the progress, if the machine is slow
  ASSERT_NE(begin, std::string::npos) << log;
  const auto report = nlohmann::json::parse(log.substr(begin, log.find('\n', begin) - begin));
  EXPECT_EQ(report["model"], "pretended");
  EXPECT_NEAR(report["sent"], 100, 40);
  EXPECT_EQ(report["ok"], report["sent"]);
  EXPECT_EQ(report["shed"], 0);
  EXPECT_EQ(report["attainment"], 1.0);
  EXPECT_GE(report["latency_ms"]["p50"], 2.0) << "no batch is faster than the profile";
  EXPECT_GT(report["throughput"], 0);
  EXPECT_GT(report["mean_served_compute"], 0.5);
  EXPECT_LT(report["mean_served_compute"], 1);
  EXPECT_GT(report["mean_fidelity"], 0.9);

  const auto model = server.MakeClient()->GetModel("", absl::Seconds(10));
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->device(), "simulated");
  EXPECT_EQ(model->ladder_size(), 2);
  server.process().Signal(SIGTERM);
  EXPECT_EQ(server.process().Wait(), 0) << server.process().Log();
}

TEST(BenchE2eTest, AProfileThatIsWrongIsNamedAtTheStart) {
  const TemporaryFolder folder;
  const std::string profile = folder.Write("profile.json", R"({"cells": []})");
  ServerProcess server({"--engine", "simulated:" + profile});
  EXPECT_FALSE(server.AwaitReady());
  EXPECT_EQ(server.process().Wait(), 2);
  EXPECT_NE(server.process().Log().find("profile.json: cells is []"), std::string::npos)
      << server.process().Log();
}

}  // namespace
}  // namespace snapvit
