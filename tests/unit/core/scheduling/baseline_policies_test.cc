#include "core/scheduling/baseline_policies.h"

#include <gtest/gtest.h>

#include <memory>

#include "absl/status/status.h"

namespace snapvit {
namespace {

using absl::Milliseconds;

// Rungs of 1, 2 and 4 ms an image; batches save nothing.
LatencyModel Model() {
  return LatencyModel(std::make_shared<const LatencyTable>(
                          *LatencyTable::Create({1, 8}, {{Milliseconds(1), Milliseconds(8)},
                                                         {Milliseconds(2), Milliseconds(16)},
                                                         {Milliseconds(4), Milliseconds(32)}})),
                      8);
}

void ExpectChoice(BatchRule& rule, double slack, int queued, int rung, int batch) {
  const LatencyModel model = Model();
  const RungAndBatch choice = rule.Choose(model, slack, queued);
  EXPECT_EQ(choice.rung, rung) << "slack " << slack << ", queued " << queued;
  EXPECT_EQ(choice.batch, batch) << "slack " << slack << ", queued " << queued;
}

TEST(BaselinePolicies, FixedRungTakesTheLargestBatchInTime) {
  const auto rule = FixedRung(1);
  ExpectChoice(*rule, 0.0101, 8, 1, 5);
  ExpectChoice(*rule, 0.0101, 3, 1, 3);
  ExpectChoice(*rule, 0.001, 3, 1, 1);
}

TEST(BaselinePolicies, MaxAccuracyTakesTheHighestRungFirst) {
  const auto rule = MaxAccuracy();
  ExpectChoice(*rule, 0.0101, 8, 2, 2);
  ExpectChoice(*rule, 0.0031, 8, 1, 1);
}

TEST(BaselinePolicies, MaxBatchTakesTheLargestBatchFirst) {
  const auto rule = MaxBatch();
  ExpectChoice(*rule, 0.0101, 8, 0, 8);
  ExpectChoice(*rule, 0.0101, 4, 1, 4);
}

TEST(BaselinePolicies, SlackFitTakesTheSlowestBucketThatFits) {
  const auto rule = SlackFit(31);  // of 1 ms
  ExpectChoice(*rule, 0.0325, 8, 2, 8);
  ExpectChoice(*rule, 0.0165, 8, 1, 8);  // and not (2, 4), which takes as long
  ExpectChoice(*rule, 0.0085, 8, 0, 8);
  ExpectChoice(*rule, 0.0325, 2, 2, 2);  // as few as there are, in a faster bucket
}

TEST(BaselinePolicies, AreMadeByName) {
  for (const char* name :
       {"elastic", "slackfit", "slackfit:2.5", "max-accuracy", "max-batch", "lowest", "fixed:2"}) {
    EXPECT_TRUE(MakePolicy(name, 2, 16).ok()) << name;
  }
  for (const char* name :
       {"", "fixed", "fixed:", "fixed:-1", "Elastic", "slackfit:", "slackfit:-1"}) {
    EXPECT_EQ(MakePolicy(name, 2, 16).status().code(), absl::StatusCode::kInvalidArgument) << name;
  }
}

}  // namespace
}  // namespace snapvit
