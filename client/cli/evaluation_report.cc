#include "client/cli/evaluation_report.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cli/svg_plot.h"
#include "client/cli/text_table.h"

namespace snapvit::cli {
namespace {

using Row = EvaluationReport::Row;

// A column: its title in JSON and CSV, in the table and in the plot, and what a row has in it.
struct Measure {
  const char* key;
  const char* title;
  const char* legend;
  int digits;  // in the table
  std::function<std::optional<double>(const Row&)> value;
};

const std::vector<Measure>& Qualities() {
  static const auto* measures = new std::vector<Measure>{
      {"top1", "top-1", "top-1 accuracy", 4, [](const Row& row) { return row.quality.top1; }},
      {"knn", "k-NN", "k-NN accuracy", 4, [](const Row& row) { return row.quality.knn; }},
      {"fidelity", "fidelity", "fidelity", 4, [](const Row& row) { return row.quality.fidelity; }},
      {"agreement", "agreement", "agreement with dense", 4,
       [](const Row& row) { return row.quality.agreement; }},
      {"overlap", "overlap@10", "neighbour overlap@10", 4,
       [](const Row& row) { return row.quality.overlap; }}};
  return *measures;
}

const Measure& Latency() {
  static const auto* measure =
      new Measure{"latency_ms", "ms", "latency", 2, [](const Row& row) { return row.latency_ms; }};
  return *measure;
}

std::string ExactNumber(const std::optional<double>& value) {
  return value.has_value() ? absl::StrCat(*value) : "";
}

bool AnyLatency(const std::vector<Row>& rows) {
  return !rows.empty() && rows.front().latency_ms.has_value();
}

PlotSeries Series(const std::vector<Row>& rows, const Measure& measure) {
  PlotSeries series{measure.legend, {}};
  for (const Row& row : rows) {
    const std::optional<double> value = measure.value(row);
    if (value.has_value()) series.points.push_back({row.served_compute, *value});
  }
  return series;
}

constexpr char kComputeTitle[] = "compute (share of the dense FLOPs)";

// All qualities of one ordering.
PlotPanel QualityPanel(const std::vector<Row>& rows) {
  PlotPanel panel{"quality", kComputeTitle, {}};
  for (const Measure& measure : Qualities()) {
    PlotSeries series = Series(rows, measure);
    if (!series.points.empty()) panel.series.push_back(std::move(series));
  }
  return panel;
}

// One measure of all orderings.
PlotPanel ComparisonPanel(const EvaluationReport& report, const Measure& measure,
                          const std::string& title) {
  PlotPanel panel{title, kComputeTitle, {}};
  for (const EvaluationReport::Compared& ordering : report.orderings) {
    std::vector<Row> rows;
    std::copy_if(report.rows.begin(), report.rows.end(), std::back_inserter(rows),
                 [&](const Row& row) { return row.ordering == ordering.name; });
    PlotSeries series = Series(rows, measure);
    series.name = ordering.name;
    if (!series.points.empty()) panel.series.push_back(std::move(series));
  }
  return panel;
}

std::vector<PlotPanel> QualityPanels(const EvaluationReport& report) {
  if (report.orderings.size() == 1) return {QualityPanel(report.rows)};
  std::vector<PlotPanel> panels;
  for (const Measure& measure : Qualities()) {
    PlotPanel panel = ComparisonPanel(report, measure, measure.legend);
    if (!panel.series.empty()) panels.push_back(std::move(panel));
  }
  return panels;
}

}  // namespace

std::string EvaluationReport::ToText() const {
  const bool several = orderings.size() > 1;
  std::vector<TextTable::Column> columns;
  if (several) columns.push_back({"ordering", TextTable::Align::kLeft});
  columns.insert(columns.end(), {{"budget"}, {"compute"}, {"GFLOP"}});
  for (const Measure& measure : Qualities()) columns.push_back({measure.title});
  if (AnyLatency(rows)) columns.push_back({Latency().title});
  TextTable table(std::move(columns));
  for (const Row& row : rows) {
    std::vector<std::string> cells;
    if (several) cells.push_back(row.ordering);
    cells.insert(cells.end(),
                 {row.budget, FormatNumber(row.served_compute, 3), FormatNumber(row.gflops, 3)});
    for (const Measure& measure : Qualities()) {
      cells.push_back(FormatNumber(measure.value(row), measure.digits));
    }
    if (AnyLatency(rows)) cells.push_back(FormatNumber(row.latency_ms, Latency().digits));
    table.AddRow(std::move(cells));
  }
  return absl::StrCat(model, " on ", images, " images, ", dtype, "\n\n", table.ToText());
}

std::string EvaluationReport::ToCsv() const {
  std::vector<TextTable::Column> columns = {{"budget"}, {"served_compute"}, {"gflops"}, {"rung"}};
  for (const Measure& measure : Qualities()) columns.push_back({measure.key});
  columns.insert(columns.end(), {{Latency().key}, {"ordering"}});
  TextTable table(std::move(columns));
  for (const Row& row : rows) {
    std::vector<std::string> cells = {row.budget, ExactNumber(row.served_compute),
                                      ExactNumber(row.gflops), absl::StrCat(row.quality.rung)};
    for (const Measure& measure : Qualities()) cells.push_back(ExactNumber(measure.value(row)));
    cells.insert(cells.end(), {ExactNumber(row.latency_ms), row.ordering});
    table.AddRow(std::move(cells));
  }
  return table.ToCsv();
}

Json EvaluationReport::ToJson() const {
  Json json_rows = Json::array();
  for (const Row& row : rows) {
    Json json = {{"budget", row.budget},
                 {"served_compute", row.served_compute},
                 {"gflops", row.gflops},
                 {"rung", row.quality.rung}};
    for (const Measure& measure : Qualities()) {
      json[measure.key] = OrNull(measure.value(row));
    }
    json[Latency().key] = OrNull(row.latency_ms);
    json["ordering"] = row.ordering;
    json_rows.push_back(std::move(json));
  }
  Json compared = Json::array();
  for (const Compared& ordering : orderings) {
    compared.push_back({{"name", ordering.name}, {"ordering_id", ordering.ordering_id}});
  }
  return {{"model", model},
          {"ordering_id", orderings.front().ordering_id},
          {"orderings", std::move(compared)},
          {"dtype", dtype},
          {"images", images},
          {"train_images", train_images},
          {"rows", std::move(json_rows)}};
}

std::string EvaluationReport::ToSvg() const {
  SvgPlot plot;
  plot.title = absl::StrCat(
      model, orderings.size() > 1 ? ": orderings compared" : ": one set of weights, every budget");
  plot.subtitle = absl::StrCat(images, " images, ", dtype);
  plot.panels = QualityPanels(*this);
  if (AnyLatency(rows)) {
    plot.panels.push_back(ComparisonPanel(*this, Latency(), "ms per image"));
    plot.panels.back().y_from_zero = true;
  }
  return plot.ToText();
}

}  // namespace snapvit::cli
