#include "core/load/load_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace snapvit {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

RequestOutcome Answered(absl::Duration latency, double compute, std::optional<double> fidelity) {
  RequestOutcome outcome;
  outcome.latency = latency;
  outcome.in_time = latency <= absl::Milliseconds(50);
  outcome.degraded = compute < 1;
  outcome.served_compute = compute;
  outcome.fidelity = fidelity;
  return outcome;
}

RequestOutcome Refused(RequestOutcome::Kind kind, const std::string& error) {
  RequestOutcome outcome;
  outcome.kind = kind;
  outcome.error = error;
  return outcome;
}

TEST(LoadRecord, AttainmentIsOfAllThatWasSent) {
  LoadRecord record;
  record.Add(Answered(absl::Milliseconds(10), 1, 1));
  record.Add(Answered(absl::Milliseconds(90), 0.5, 0.9));
  record.Add(Refused(RequestOutcome::Kind::kShed, "RESOURCE_EXHAUSTED/QUEUE_FULL"));
  record.Add(Refused(RequestOutcome::Kind::kFailed, "INTERNAL"));
  EXPECT_EQ(record.sent(), 4U);
  EXPECT_EQ(record.ok(), 2U);
  EXPECT_EQ(record.degraded(), 1U);
  EXPECT_EQ(record.shed(), 1U);
  EXPECT_EQ(record.failed(), 1U);
  EXPECT_EQ(record.Attainment(), 0.25);
  EXPECT_EQ(record.latency().count(), 2U) << "of answers only";
  EXPECT_THAT(record.errors(),
              ElementsAre(Pair("INTERNAL", 1), Pair("RESOURCE_EXHAUSTED/QUEUE_FULL", 1)));
}

TEST(LoadRecord, MeansAreOverImages) {
  LoadRecord record;
  RequestOutcome large = Answered(absl::Milliseconds(1), 0.4, 0.8);
  large.images = 3;
  record.Add(large);
  record.Add(Answered(absl::Milliseconds(1), 0.8, std::nullopt));
  EXPECT_EQ(record.images(), 4U);
  EXPECT_DOUBLE_EQ(*record.MeanServedCompute(), 0.5);
  EXPECT_DOUBLE_EQ(*record.MeanFidelity(), 0.8);
}

TEST(LoadRecord, MergingIsAddingAllAndAnEmptyOneHasNoMeans) {
  LoadRecord a;
  LoadRecord b;
  a.Add(Answered(absl::Milliseconds(1), 1, 1));
  b.Add(Refused(RequestOutcome::Kind::kFailed, "INTERNAL"));
  b.Add(Refused(RequestOutcome::Kind::kFailed, "INTERNAL"));
  a.Merge(b);
  EXPECT_EQ(a.sent(), 3U);
  EXPECT_THAT(a.errors(), ElementsAre(Pair("INTERNAL", 2)));
  EXPECT_EQ(LoadRecord().Attainment(), std::nullopt);
  EXPECT_EQ(b.MeanServedCompute(), std::nullopt);
  EXPECT_EQ(b.MeanFidelity(), std::nullopt);
}

}  // namespace
}  // namespace snapvit
