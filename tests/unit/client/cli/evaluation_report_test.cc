#include "client/cli/evaluation_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/client/cli/well_formed_xml.h"

namespace snapvit::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

EvaluationReport SomeReport() {
  EvaluationReport report;
  report.model = "demo";
  report.orderings = {{"ours", "0123"}};
  report.dtype = "fp32";
  report.images = 10;
  EvaluationReport::Row row;
  row.ordering = "ours";
  row.budget = "0.5";
  row.served_compute = 0.49;
  row.gflops = 0.2;
  row.quality = {.rung = 3, .top1 = 0.7, .fidelity = 0.9, .agreement = 0.8};
  report.rows = {row};
  return report;
}

TEST(EvaluationReport, JsonNamesAreAContractAndWhatWasNotMeasuredIsNull) {
  const Json json = SomeReport().ToJson();
  EXPECT_EQ(json["images"], 10);
  EXPECT_EQ(
      json["rows"].dump(),
      R"([{"budget":"0.5","served_compute":0.49,"gflops":0.2,"rung":3,"top1":0.7,)"
      R"("knn":null,"fidelity":0.9,"agreement":0.8,"overlap":null,"latency_ms":null,"ordering":"ours"}])");
}

TEST(EvaluationReport, CsvLeavesEmptyWhatWasNotMeasured) {
  EXPECT_EQ(
      SomeReport().ToCsv(),
      "budget,served_compute,gflops,rung,top1,knn,fidelity,agreement,overlap,latency_ms,ordering\n"
      "0.5,0.49,0.2,3,0.7,,0.9,0.8,,,ours\n");
}

TEST(EvaluationReport, TableAndPlotShowLatencyOnlyIfMeasured) {
  EvaluationReport report = SomeReport();
  EXPECT_THAT(report.ToText(), Not(HasSubstr("ms")));
  EXPECT_THAT(report.ToSvg(), Not(HasSubstr("ms per image")));
  EXPECT_THAT(report.ToSvg(), Not(HasSubstr("k-NN")));
  EXPECT_TRUE(IsWellFormedXml(report.ToSvg()));
  report.rows[0].latency_ms = 12.345;
  EXPECT_THAT(report.ToText(), HasSubstr("12.35"));
  EXPECT_THAT(report.ToSvg(), HasSubstr("ms per image"));
  EXPECT_TRUE(IsWellFormedXml(report.ToSvg()));
}

TEST(EvaluationReport, OrderingsAreToldApartInTableJsonAndPlot) {
  EvaluationReport report = SomeReport();
  EXPECT_THAT(report.ToText(), Not(HasSubstr("ours"))) << "nothing to tell apart";
  report.orderings.push_back({"published", "4567"});
  report.rows.push_back(report.rows[0]);
  report.rows[1].ordering = "published";
  report.rows[1].quality.top1 = 0.6;
  EXPECT_THAT(report.ToText(), HasSubstr("published"));
  EXPECT_EQ(report.ToJson()["orderings"][1]["ordering_id"], "4567");
  EXPECT_EQ(report.ToJson()["rows"][1]["ordering"], "published");
  const std::string svg = report.ToSvg();
  EXPECT_TRUE(IsWellFormedXml(svg));
  for (const char* text :
       {"top-1 accuracy", "fidelity", "agreement with dense", "ours", "published"}) {
    EXPECT_THAT(svg, HasSubstr(text));
  }
}

}  // namespace
}  // namespace snapvit::cli
