// The names in these documents are a contract: scripts of users read them.
#include "client/cli/json_output.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/cli/profile_report.h"
#include "core/base/error_reason.h"
#include "tests/testing/orderings.h"
#include "tests/testing/vit_configs.h"

namespace snapvit::cli {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> Names(const Json& object) {
  std::vector<std::string> names;
  for (const auto& item : object.items()) names.push_back(item.key());
  return names;
}

TEST(ReceiptJson, Names) {
  client::Receipt receipt;
  receipt.queue_time = absl::Microseconds(1500);
  const Json json = ReceiptJson(receipt);
  EXPECT_THAT(Names(json), ElementsAre("requested_compute", "served_compute", "floor_compute",
                                       "gflops", "mlp_ratio", "head_ratio", "estimated_fidelity",
                                       "rung", "reason", "queue_ms", "decode_ms", "compute_ms",
                                       "batch_size", "model", "ordering_id", "embedding_space_id"));
  EXPECT_EQ(json["queue_ms"], 1.5);
  EXPECT_TRUE(json["estimated_fidelity"].is_null());
}

TEST(ItemJson, EmbeddingIsNestedAsItsShapeAndShort) {
  client::EmbedResult result;
  result.embedding = client::Embedding{{0.1F, 2, 3, 4}, {2, 2}};
  result.receipt.emplace();
  const Json json = ItemJson("a.jpg", result);
  EXPECT_THAT(Names(json), ElementsAre("file", "embedding", "receipt"));
  EXPECT_EQ(json["embedding"].dump(), "[[0.1,2.0],[3.0,4.0]]");
}

TEST(ItemJson, Labels) {
  client::ClassifyResult result;
  result.labels = std::vector<client::Label>{{7, "horse", 0.5F}};
  const Json json = ItemJson("a.jpg", result);
  EXPECT_THAT(Names(json), ElementsAre("file", "labels"));
  EXPECT_EQ(json["labels"].dump(), R"([{"index":7,"label":"horse","score":0.5}])");
}

TEST(ItemJson, ErrorHasCodeMessageAndReason) {
  client::EmbedResult result;
  result.embedding = WithReason(absl::ResourceExhaustedError("full"), kReasonQueueFull);
  EXPECT_EQ(ItemJson("a.jpg", result).dump(),
            R"({"file":"a.jpg","error":{"code":"RESOURCE_EXHAUSTED","message":"full",)"
            R"("reason":"QUEUE_FULL"}})");
}

TEST(KeepJson, KeptUnitsInOriginalNumbering) {
  Ordering ordering = RandomOrdering(MakeVitConfig(8, 4, 8, 2, 2, 4, 0), 1);
  ordering.mlp_scores = {1, 4, 3, 2, 8, 5, 6, 7};
  ordering.head_scores = {1, 2, 4, 3};
  const UnitRanking ranking(ordering);
  const KeepCounts keep = *ranking.Keep(/*mlp_ratio=*/0.5, /*head_ratio=*/0.25);
  EXPECT_EQ(KeepJson(keep, ranking).dump(),
            R"({"mlp_keep":[0,4],"head_keep":[1,2],"mlp_indices":[[],[0,1,2,3]],)"
            R"("head_indices":[[1],[0,1]]})");
}

TEST(InspectJson, Names) {
  ModelDescription model;
  model.ladder.resize(1);
  const Json json = InspectJson(model);
  for (const char* name : {"name", "architecture", "parameters", "gflops", "input_size", "blocks",
                           "heads", "hidden", "ladder"}) {
    EXPECT_TRUE(json.contains(name)) << name;
  }
  for (const char* name : {"rung", "compute", "gflops", "mlp", "heads", "sparsity", "fidelity"}) {
    EXPECT_TRUE(json["ladder"][0].contains(name)) << name;
  }
}

TEST(ProfileReport, Names) {
  ProfileReport report;
  report.threads = 2;
  report.rows.push_back(
      {"0.5",
       0.49,
       0.2,
       {3, 4, absl::Milliseconds(1), absl::Milliseconds(2), absl::Milliseconds(5)}});
  const Json json = report.ToJson();
  EXPECT_THAT(Names(json),
              ElementsAre("model", "device", "dtype", "threads", "keep_counts", "cells"));
  const Json& cell = json["cells"][0];
  EXPECT_THAT(Names(cell), ElementsAre("budget", "served_compute", "gflops", "rung", "batch",
                                       "latency_ms", "items_per_second"));
  EXPECT_EQ(cell["latency_ms"].dump(), R"({"min":1.0,"p50":2.0,"p95":5.0})");
  EXPECT_EQ(cell["items_per_second"], 2000);
}

}  // namespace
}  // namespace snapvit::cli
