#include "server/simulated_profile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/testing/temporary_folder.h"

namespace snapvit {
namespace {

using ::testing::HasSubstr;

// As `snapvit profile --json` prints it; two budgets mean one rung.
constexpr char kProfile[] = R"({
  "model": "vit-s", "device": "cpu", "dtype": "fp32", "threads": 1, "keep_counts": "ordering",
  "cells": [
    {"budget": "1", "served_compute": 1.0, "gflops": 9.2, "rung": 30, "batch": 1,
     "latency_ms": {"min": 9, "p50": 10, "p95": 11}, "items_per_second": 100},
    {"budget": "1", "served_compute": 1.0, "gflops": 9.2, "rung": 30, "batch": 4,
     "latency_ms": {"min": 29, "p50": 30, "p95": 31}, "items_per_second": 133},
    {"budget": "0.25", "served_compute": 0.2466, "gflops": 2.3, "rung": 0, "batch": 1,
     "latency_ms": {"min": 2, "p50": 3, "p95": 4}, "items_per_second": 333},
    {"budget": "0.25", "served_compute": 0.2466, "gflops": 2.3, "rung": 0, "batch": 4,
     "latency_ms": {"min": 7, "p50": 8, "p95": 9}, "items_per_second": 500},
    {"budget": "0.246", "served_compute": 0.2466, "gflops": 2.3, "rung": 0, "batch": 1,
     "latency_ms": {"min": 2, "p50": 3, "p95": 4}, "items_per_second": 333},
    {"budget": "0.246", "served_compute": 0.2466, "gflops": 2.3, "rung": 0, "batch": 4,
     "latency_ms": {"min": 7, "p50": 8, "p95": 9}, "items_per_second": 500}]})";

std::string ErrorOf(const std::string& json) {
  return std::string(ParseSimulatedProfile(json).status().message());
}

TEST(SimulatedProfile, TakesWhatProfilePrints) {
  const auto profile = ParseSimulatedProfile(kProfile);
  ASSERT_TRUE(profile.ok()) << profile.status();
  EXPECT_EQ(profile->model, "vit-s");
  ASSERT_EQ(profile->ladder.size(), 2);
  EXPECT_EQ(profile->ladder.rung(0).compute, 0.2466);
  EXPECT_EQ(profile->ladder.rung(0).gflops, 2.3);
  EXPECT_FALSE(profile->ladder.has_fidelity());
  EXPECT_EQ(profile->latency.BatchTime(0, 1), absl::Milliseconds(3));
  EXPECT_EQ(profile->latency.BatchTime(1, 4), absl::Milliseconds(30));
  EXPECT_EQ(profile->measured.size(), 4U);
}

TEST(SimulatedProfile, ALadderOfInspectIsServedAndItsTimesInterpolated) {
  const auto profile = ParseSimulatedProfile(R"({
    "ladder": [{"rung": 0, "compute": 0.5, "fidelity": 0.8, "mlp": 0.6, "heads": 0.3, "sparsity": 0.5},
               {"rung": 1, "compute": 0.75, "fidelity": 0.95, "mlp": 0.3, "heads": 0.1, "sparsity": 0.25},
               {"rung": 2, "compute": 1, "fidelity": 1, "mlp": 0, "heads": 0, "sparsity": 0}],
    "cells": [{"served_compute": 0.5, "batch": 1, "latency_ms": 4},
              {"served_compute": 1, "batch": 1, "latency_ms": 8}],
    "embedding_size": 16, "classes": 10, "input_size": [3, 24, 16], "workers": 8, "jitter": 0.05,
    "last_worker_stops_after_s": 2.5})");
  ASSERT_TRUE(profile.ok()) << profile.status();
  EXPECT_EQ(profile->ladder.size(), 3);
  EXPECT_EQ(profile->ladder.rung(1).fidelity, 0.95);
  EXPECT_EQ(profile->ladder.rung(0).mlp_ratio, 0.6);
  EXPECT_EQ(profile->latency.BatchTime(1, 1), absl::Milliseconds(6));
  EXPECT_EQ(profile->embedding_size, 16);
  EXPECT_EQ(profile->classes, 10);
  EXPECT_EQ(profile->height, 24);
  EXPECT_EQ(profile->width, 16);
  EXPECT_EQ(profile->workers, 8);
  EXPECT_EQ(profile->jitter, 0.05);
  EXPECT_EQ(profile->last_worker_stops_after, absl::Seconds(2.5));
}

TEST(SimulatedProfile, CellsMayCarryTheFidelity) {
  const auto profile = ParseSimulatedProfile(R"({"cells": [
    {"served_compute": 0.5, "fidelity": 0.9, "batch": 1, "latency_ms": 4},
    {"served_compute": 1, "fidelity": 1, "batch": 1, "latency_ms": 8}]})");
  ASSERT_TRUE(profile.ok()) << profile.status();
  EXPECT_EQ(profile->ladder.rung(0).fidelity, 0.9);
  EXPECT_EQ(profile->ladder.rung(0).sparsity, 0.5);
}

TEST(SimulatedProfile, WhatIsWrongIsNamed) {
  const auto cells = [](const std::string& text) { return "{\"cells\": [" + text + "]}"; };
  const std::string dense = R"({"served_compute": 1, "batch": 1, "latency_ms": 8})";
  EXPECT_THAT(ErrorOf("cells"), HasSubstr("the profile is not valid JSON"));
  EXPECT_THAT(ErrorOf("[]"), HasSubstr("no JSON object"));
  EXPECT_THAT(ErrorOf(cells(std::string(1'000'000, '['))), HasSubstr("nested deeper"));
  EXPECT_THAT(ErrorOf("{}"), HasSubstr("cells is missing"));
  EXPECT_THAT(ErrorOf(cells("")), HasSubstr("cells is []"));
  EXPECT_THAT(ErrorOf(cells("7")), HasSubstr("cells[0] is 7"));
  EXPECT_THAT(ErrorOf(cells(R"({"batch": 1, "latency_ms": 8})")),
              HasSubstr("cells[0].served_compute is missing"));
  EXPECT_THAT(ErrorOf(cells(R"({"served_compute": 2, "batch": 1, "latency_ms": 8})")),
              HasSubstr("cells[0].served_compute is 2"));
  EXPECT_THAT(ErrorOf(cells(R"({"served_compute": 1, "batch": 1.5, "latency_ms": 8})")),
              HasSubstr("cells[0].batch is 1.5"));
  EXPECT_THAT(ErrorOf(cells(R"({"served_compute": 1, "batch": 1, "latency_ms": {"p50": 0}})")),
              HasSubstr("cells[0].latency_ms.p50 is 0"));
  EXPECT_THAT(ErrorOf(cells(R"({"served_compute": 0.5, "batch": 1, "latency_ms": 8})")),
              HasSubstr("compute 0.5"));
  EXPECT_THAT(ErrorOf(cells(dense + R"(, {"served_compute": 0.5, "batch": 2, "latency_ms": 8})")),
              HasSubstr("have batches"));
  EXPECT_THAT(ErrorOf(cells(R"({"served_compute": 1, "batch": 2, "latency_ms": 8})")),
              HasSubstr("smallest batch"));
  EXPECT_THAT(ErrorOf("{\"cells\": [" + dense + "], \"jitter\": \"no\"}"),
              HasSubstr("jitter is \"no\""));
  EXPECT_THAT(ErrorOf("{\"cells\": [" + dense + "], \"input_size\": [1, 2]}"),
              HasSubstr("input_size is [1,2]"));
  EXPECT_THAT(
      ErrorOf("{\"ladder\": [{\"compute\": 0.5}, {\"compute\": 1}], \"cells\": [" + dense + "]}"),
      HasSubstr("smallest and the dense rung"));
  EXPECT_THAT(
      ErrorOf("{\"ladder\": [{\"compute\": 0.5, \"fidelity\": 1.5}], \"cells\": [" + dense + "]}"),
      HasSubstr("ladder[0].fidelity is 1.5"));
}

TEST(SimulatedProfile, ErrorsOfAFileNameIt) {
  const TemporaryFolder folder;
  const std::string path = folder.Write("p.json", "{}");
  EXPECT_THAT(std::string(ReadSimulatedProfile(path).status().message()),
              HasSubstr("p.json: cells is missing"));
  EXPECT_EQ(ReadSimulatedProfile("/no/such").status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace snapvit
