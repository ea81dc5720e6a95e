#include "client/cli/bench_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/client/cli/well_formed_xml.h"

namespace snapvit::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class BenchReportTest : public ::testing::Test {
 protected:
  // Streams with a second of one request every 10 ms, of which the last ten of the second stream
  // are refused.
  static BenchReport Make(std::vector<std::string> streams) {
    BenchReport report{"localhost:1", "demo", 7, absl::Seconds(1), BenchResult()};
    BenchResult& result = report.result;
    result.timeline = BenchTimeline(streams.size());
    result.elapsed = absl::Seconds(1);
    result.wall_time = absl::Seconds(2);
    result.cpu_time = absl::Seconds(0.5);
    for (size_t stream = 0; stream < streams.size(); ++stream) {
      result.streams.push_back({streams[stream], absl::Milliseconds(20), LoadRecord()});
      for (int i = 0; i < 100; ++i) Add(i, stream, result);
    }
    return report;
  }
  static void Add(int i, size_t stream, BenchResult& result) {
    RequestOutcome outcome;
    outcome.latency = absl::Milliseconds(1 + i * 0.2);
    outcome.in_time = outcome.latency <= absl::Milliseconds(20);
    outcome.degraded = i >= 50;
    outcome.served_compute = outcome.degraded ? 0.5 : 1;
    outcome.fidelity = outcome.degraded ? 0.9 : 1;
    if (stream == 1 && i >= 90) {
      outcome.kind = RequestOutcome::Kind::kShed;
      outcome.error = "RESOURCE_EXHAUSTED/QUEUE_FULL";
    }
    result.streams[stream].record.Add(outcome);
    result.total.Add(outcome);
    result.timeline.AddSent(stream, absl::Milliseconds(10 * i));
    result.timeline.AddOutcome(stream, absl::Milliseconds(10 * i), outcome);
    result.lateness.Record(absl::Microseconds(100));
  }
};

TEST_F(BenchReportTest, JsonHasTheFixedNames) {
  const Json json = Make({"all"}).ToJson();
  EXPECT_EQ(json["sent"], 100);
  EXPECT_EQ(json["ok"], 100);
  EXPECT_EQ(json["degraded"], 50);
  EXPECT_EQ(json["shed"], 0);
  EXPECT_EQ(json["failed"], 0);
  EXPECT_NEAR(json["attainment"], 0.96, 1e-9);
  EXPECT_EQ(json["throughput"], 100);
  EXPECT_NEAR(json["latency_ms"]["p50"], 10.8, 0.05);
  EXPECT_NEAR(json["latency_ms"]["p90"], 18.8, 0.05);
  EXPECT_NEAR(json["latency_ms"]["p99"], 20.6, 0.05);
  EXPECT_NEAR(json["latency_ms"]["p999"], 20.8, 0.05);
  EXPECT_NEAR(json["mean_served_compute"], 0.75, 1e-9);
  EXPECT_NEAR(json["mean_fidelity"], 0.95, 1e-9);
  EXPECT_EQ(json["generator"]["kept_up"], true);
  EXPECT_EQ(json["generator"]["cpu_cores"], 0.25);
}

TEST_F(BenchReportTest, EachStreamHasItsOwnAccount) {
  const Json json = Make({"gold", "bulk"}).ToJson();
  EXPECT_EQ(json["sent"], 200);
  EXPECT_EQ(json["shed"], 10);
  EXPECT_EQ(json["streams"][0]["name"], "gold");
  EXPECT_EQ(json["streams"][0]["shed"], 0);
  EXPECT_EQ(json["streams"][1]["shed"], 10);
  EXPECT_EQ(json["streams"][1]["deadline_ms"], 20);
  EXPECT_EQ(json["streams"][1]["errors"][0]["code"], "RESOURCE_EXHAUSTED");
  EXPECT_EQ(json["streams"][1]["errors"][0]["reason"], "QUEUE_FULL");
  EXPECT_EQ(json["streams"][1]["errors"][0]["count"], 10);
}

TEST_F(BenchReportTest, TheTableNamesStreamsAndErrors) {
  const std::string text = Make({"gold", "bulk"}).ToText();
  for (const char* part : {"demo at localhost:1", "gold", "bulk", "all",
                           "10 × RESOURCE_EXHAUSTED/QUEUE_FULL", "0.25 of a core"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
}

TEST_F(BenchReportTest, ARunWithoutAnswersIsNoDivisionByZero) {
  BenchReport report = Make({"all"});
  report.result.total = LoadRecord();
  report.result.streams[0].record = LoadRecord();
  const Json json = report.ToJson();
  EXPECT_TRUE(json["attainment"].is_null());
  EXPECT_TRUE(json["latency_ms"]["p99"].is_null());
  EXPECT_TRUE(json["mean_served_compute"].is_null());
  EXPECT_THAT(report.ToText(), HasSubstr("all"));
}

TEST_F(BenchReportTest, AGeneratorThatIsLateIsSaidAloud) {
  BenchReport report = Make({"all"});
  EXPECT_EQ(report.Warning(), "");
  for (int i = 0; i < 10; ++i) report.result.lateness.Record(absl::Milliseconds(80));
  EXPECT_THAT(report.Warning(), HasSubstr("could not keep up"));
  EXPECT_THAT(report.Warning(), HasSubstr("80.0 ms"));
  EXPECT_EQ(report.ToJson()["generator"]["kept_up"], false);
}

TEST_F(BenchReportTest, TheTimelineHasALineForEachBinAndStream) {
  const std::string one = Make({"all"}).TimelineCsv();
  EXPECT_THAT(one, StartsWith("time_s,stream,offered_per_s,answered_per_s,"));
  EXPECT_THAT(one, HasSubstr("\n0.000,all,120.000,"));
  const std::string two = Make({"gold", "bulk"}).TimelineCsv();
  EXPECT_THAT(two, HasSubstr("\n0.975,bulk,"));
  EXPECT_THAT(two, HasSubstr("\n0.975,all,"));
}

TEST_F(BenchReportTest, ThePictureHasThreePanelsOnOneTimeAxis) {
  const std::string svg = Make({"all"}).TimelineSvg();
  EXPECT_TRUE(IsWellFormedXml(svg));
  for (const char* part : {">offered<", ">answered<", ">p50<", ">p99<", ">deadline 20 ms<",
                           ">mean served compute<", ">time, s<"}) {
    EXPECT_THAT(svg, HasSubstr(part));
  }
  EXPECT_THAT(svg, Not(HasSubstr("<circle"))) << "lines of many points have no markers";
  const std::string several = Make({"a<b", "bulk"}).TimelineSvg();
  EXPECT_TRUE(IsWellFormedXml(several));
  EXPECT_THAT(several, HasSubstr(">p99 bulk<"));
  EXPECT_THAT(several, HasSubstr(">served compute a&lt;b<"));
}

}  // namespace
}  // namespace snapvit::cli
