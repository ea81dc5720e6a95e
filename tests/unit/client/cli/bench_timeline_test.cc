#include "client/cli/bench_timeline.h"

#include <gtest/gtest.h>

namespace snapvit::cli {
namespace {

RequestOutcome Answer(absl::Duration latency) {
  RequestOutcome outcome;
  outcome.latency = latency;
  return outcome;
}

TEST(BenchTimeline, RequestsCountWhereTheyWereMeantAndAnswersWhereTheyCame) {
  BenchTimeline timeline(2);
  timeline.AddSent(1, absl::Milliseconds(30));
  timeline.AddOutcome(1, absl::Milliseconds(30), Answer(absl::Milliseconds(50)));
  RequestOutcome shed;
  shed.kind = RequestOutcome::Kind::kShed;
  timeline.AddOutcome(0, absl::Milliseconds(10), shed);
  ASSERT_EQ(timeline.width(), absl::Milliseconds(25));
  ASSERT_EQ(timeline.bins(), 4U);
  EXPECT_EQ(timeline.cell(1, 1).offered, 1U);
  EXPECT_EQ(timeline.cell(1, 1).answered, 0U);
  EXPECT_EQ(timeline.cell(1, 1).record.ok(), 1U);
  EXPECT_EQ(timeline.cell(3, 1).answered, 1U);
  EXPECT_EQ(timeline.Total(0).record.shed(), 1U);
  EXPECT_EQ(timeline.Total(0).answered, 0U);
}

TEST(BenchTimeline, BinsWidenAndKeepEverything) {
  BenchTimeline timeline(1);
  constexpr int kSeconds = 600;
  for (int second = 0; second < kSeconds; ++second) {
    timeline.AddSent(0, absl::Seconds(second));
    timeline.AddOutcome(0, absl::Seconds(second), Answer(absl::Milliseconds(second + 1)));
  }
  EXPECT_LE(timeline.bins(), 200U);
  EXPECT_GE(timeline.bins(), 100U);
  uint64_t offered = 0;
  uint64_t answered = 0;
  for (size_t bin = 0; bin < timeline.bins(); ++bin) {
    offered += timeline.cell(bin, 0).offered;
    answered += timeline.cell(bin, 0).answered;
    const auto first = static_cast<double>(bin) * absl::ToDoubleSeconds(timeline.width());
    const double lowest = absl::ToDoubleMilliseconds(timeline.cell(bin, 0).record.latency().min());
    EXPECT_NEAR(lowest, first + 1, 1.01) << "latencies stay in the bin of their request";
  }
  EXPECT_EQ(offered, kSeconds);
  EXPECT_EQ(answered, kSeconds);
}

}  // namespace
}  // namespace snapvit::cli
