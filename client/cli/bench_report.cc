#include "client/cli/bench_report.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "client/cli/svg_plot.h"
#include "client/cli/text_table.h"

namespace snapvit::cli {
namespace {

using Cell = BenchTimeline::Cell;

double PerSecond(uint64_t count, absl::Duration time) {
  return time > absl::ZeroDuration() ? static_cast<double>(count) / absl::ToDoubleSeconds(time) : 0;
}

// Nothing where nothing was answered.
std::optional<double> LatencyMs(const LoadRecord& record, double quantile) {
  if (record.ok() == 0) return std::nullopt;
  return absl::ToDoubleMilliseconds(record.latency().Quantile(quantile));
}

Json ErrorsJson(const LoadRecord& record) {
  Json errors = Json::array();
  for (const auto& [error, count] : record.errors()) {
    const std::pair<std::string, std::string> parts =
        absl::StrSplit(error, absl::MaxSplits('/', 1));
    errors.push_back({{"code", parts.first}, {"reason", parts.second}, {"count", count}});
  }
  return errors;
}

Json RecordJson(const LoadRecord& record, absl::Duration elapsed) {
  const auto latency = [&record](double quantile) { return OrNull(LatencyMs(record, quantile)); };
  std::optional<double> mean;
  if (record.ok() > 0) mean = absl::ToDoubleMilliseconds(record.latency().Mean());
  return {{"sent", record.sent()},
          {"ok", record.ok()},
          {"degraded", record.degraded()},
          {"shed", record.shed()},
          {"failed", record.failed()},
          {"attainment", OrNull(record.Attainment())},
          {"throughput", PerSecond(record.ok(), elapsed)},
          {"images_per_second", PerSecond(record.images(), elapsed)},
          {"latency_ms",
           {{"mean", OrNull(mean)},
            {"p50", latency(0.5)},
            {"p90", latency(0.9)},
            {"p99", latency(0.99)},
            {"p999", latency(0.999)},
            {"max", latency(1)}}},
          {"mean_served_compute", OrNull(record.MeanServedCompute())},
          {"mean_fidelity", OrNull(record.MeanFidelity())},
          {"errors", ErrorsJson(record)}};
}

Json DeadlineJson(const std::optional<absl::Duration>& deadline) {
  return deadline.has_value() ? Json(absl::ToDoubleMilliseconds(*deadline)) : Json(nullptr);
}

std::vector<std::string> TableRow(const std::string& name, const LoadRecord& record,
                                  absl::Duration elapsed) {
  const auto latency = [&record](double quantile) {
    return FormatNumber(LatencyMs(record, quantile), 2);
  };
  return {name,
          absl::StrCat(record.sent()),
          absl::StrCat(record.ok()),
          absl::StrCat(record.degraded()),
          absl::StrCat(record.shed()),
          absl::StrCat(record.failed()),
          FormatNumber(record.Attainment(), 4),
          FormatNumber(PerSecond(record.ok(), elapsed), 1),
          latency(0.5),
          latency(0.9),
          latency(0.99),
          latency(0.999),
          FormatNumber(record.MeanServedCompute(), 3),
          FormatNumber(record.MeanFidelity(), 4)};
}

double CpuShare(const BenchResult& result) {
  return result.wall_time > absl::ZeroDuration()
             ? absl::FDivDuration(result.cpu_time, result.wall_time)
             : 0;
}

// --- The timeline ---

// The time that rates of a bin are over: the last one may be cut short by the end of the load. One
// of which next to nothing is left holds stragglers, whose rate is not made a peak.
absl::Duration WidthOf(const BenchResult& result, size_t bin) {
  const absl::Duration width = result.timeline.width();
  const absl::Duration left = result.elapsed - static_cast<int64_t>(bin) * width;
  return left < width / 2 ? width : std::min(left, width);
}

double MiddleOf(const BenchResult& result, size_t bin) {
  return absl::ToDoubleSeconds(result.timeline.width()) * (static_cast<double>(bin) + 0.5);
}

std::vector<std::string> CsvRow(const BenchResult& result, size_t bin, const std::string& stream,
                                const Cell& cell) {
  const absl::Duration width = WidthOf(result, bin);
  const LoadRecord& record = cell.record;
  return {
      FormatNumber(absl::ToDoubleSeconds(result.timeline.width()) * static_cast<double>(bin), 3),
      stream,
      FormatNumber(PerSecond(cell.offered, width), 3),
      FormatNumber(PerSecond(cell.answered, width), 3),
      absl::StrCat(record.sent()),
      absl::StrCat(record.ok()),
      absl::StrCat(record.degraded()),
      absl::StrCat(record.shed()),
      absl::StrCat(record.failed()),
      FormatNumber(record.Attainment(), 6),
      FormatNumber(LatencyMs(record, 0.5), 3),
      FormatNumber(LatencyMs(record, 0.99), 3),
      FormatNumber(record.MeanServedCompute(), 6),
      FormatNumber(record.MeanFidelity(), 6)};
}

// A line over the bins; those without a value are left out.
using BinValue = std::function<std::optional<double>(size_t bin)>;

PlotSeries Series(const BenchResult& result, std::string name, const BinValue& value) {
  PlotSeries series{std::move(name), {}, /*markers=*/false};
  for (size_t bin = 0; bin < result.timeline.bins(); ++bin) {
    const std::optional<double> y = value(bin);
    if (y.has_value()) series.points.push_back({MiddleOf(result, bin), *y});
  }
  return series;
}

class TimelinePlot {
 public:
  explicit TimelinePlot(const BenchResult& result) : result_(result) {
    for (size_t bin = 0; bin < result.timeline.bins(); ++bin) {
      totals_.push_back(result.timeline.Total(bin));
    }
  }

  PlotPanel Rates() const {
    PlotPanel panel{"requests/s", "", {}, /*y_from_zero=*/true};
    panel.series.push_back(Series(result_, "offered", [this](size_t bin) {
      return PerSecond(totals_[bin].offered, WidthOf(result_, bin));
    }));
    panel.series.push_back(Series(result_, "answered", [this](size_t bin) {
      return PerSecond(totals_[bin].answered, WidthOf(result_, bin));
    }));
    return panel;
  }

  // Of one stream p50 and p99; of several the p99 of each.
  PlotPanel Latency() const {
    PlotPanel panel{"latency, ms", "", {}, /*y_from_zero=*/true};
    if (single()) {
      panel.series.push_back(
          Series(result_, "p50", [this](size_t bin) { return LatencyMs(Record(bin, 0), 0.5); }));
    }
    for (size_t stream = 0; stream < result_.streams.size(); ++stream) {
      panel.series.push_back(Series(result_, Named("p99", stream), [this, stream](size_t bin) {
        return LatencyMs(Record(bin, stream), 0.99);
      }));
    }
    AddDeadlines(panel);
    return panel;
  }

  PlotPanel Compute() const {
    PlotPanel panel{"mean served compute", "time, s", {}, /*y_from_zero=*/true};
    for (size_t stream = 0; stream < result_.streams.size(); ++stream) {
      panel.series.push_back(
          Series(result_, Named("served compute", stream),
                 [this, stream](size_t bin) { return Record(bin, stream).MeanServedCompute(); }));
    }
    return panel;
  }

 private:
  bool single() const { return result_.streams.size() == 1; }
  const LoadRecord& Record(size_t bin, size_t stream) const {
    return result_.timeline.cell(bin, stream).record;
  }
  std::string Named(const char* what, size_t stream) const {
    return single() ? what : absl::StrCat(what, " ", result_.streams[stream].name);
  }

  // A level line for each deadline that there is.
  void AddDeadlines(PlotPanel& panel) const {
    std::vector<double> drawn;
    for (const BenchResult::Stream& stream : result_.streams) {
      if (!stream.deadline.has_value()) continue;
      const double level = absl::ToDoubleMilliseconds(*stream.deadline);
      if (std::find(drawn.begin(), drawn.end(), level) != drawn.end()) continue;
      drawn.push_back(level);
      PlotSeries line{absl::StrFormat("deadline %g ms", level),
                      {},
                      /*markers=*/false,
                      /*dashed=*/true};
      line.points = {{0, level}, {absl::ToDoubleSeconds(result_.elapsed), level}};
      panel.series.push_back(std::move(line));
    }
  }

  const BenchResult& result_;
  std::vector<Cell> totals_;
};

}  // namespace

std::string BenchReport::ToText() const {
  TextTable table({{"stream", TextTable::Align::kLeft},
                   {"sent"},
                   {"ok"},
                   {"degraded"},
                   {"shed"},
                   {"failed"},
                   {"attainment"},
                   {"ok/s"},
                   {"p50 ms"},
                   {"p90 ms"},
                   {"p99 ms"},
                   {"p99.9 ms"},
                   {"compute"},
                   {"fidelity"}});
  if (result.streams.size() > 1) {
    for (const BenchResult::Stream& stream : result.streams) {
      table.AddRow(TableRow(stream.name, stream.record, result.elapsed));
    }
  }
  table.AddRow(TableRow("all", result.total, result.elapsed));
  std::string text =
      absl::StrFormat("%s at %s, %.1f s after %.1f s of warm-up, seed %d%s\n\n%s", model, target,
                      absl::ToDoubleSeconds(result.elapsed), absl::ToDoubleSeconds(warmup), seed,
                      result.interrupted ? ", interrupted" : "", table.ToText());
  for (const auto& [error, count] : result.total.errors()) {
    absl::StrAppend(&text, "\n", count, " × ", error);
  }
  if (result.total.shed() + result.total.failed() > 0) absl::StrAppend(&text, "\n");
  if (result.abandoned > 0) {
    absl::StrAppend(&text, "\n", result.abandoned, " requests were given up and are not counted\n");
  }
  absl::StrAppendFormat(&text, "\nload generator: ");
  if (result.lateness.count() > 0) {
    absl::StrAppendFormat(&text, "sends late by %.2f ms (p99), at most %.2f ms; ",
                          absl::ToDoubleMilliseconds(result.lateness.Quantile(0.99)),
                          absl::ToDoubleMilliseconds(result.lateness.max()));
  }
  absl::StrAppendFormat(&text, "%.2f of a core\n", CpuShare(result));
  return text;
}

Json BenchReport::ToJson() const {
  Json json = RecordJson(result.total, result.elapsed);
  Json streams = Json::array();
  for (const BenchResult::Stream& stream : result.streams) {
    Json entry = {{"name", stream.name}, {"deadline_ms", DeadlineJson(stream.deadline)}};
    entry.update(RecordJson(stream.record, result.elapsed));
    streams.push_back(std::move(entry));
  }
  json["streams"] = std::move(streams);
  json["target"] = target;
  json["model"] = model;
  json["seed"] = seed;
  json["warmup_s"] = absl::ToDoubleSeconds(warmup);
  json["elapsed_s"] = absl::ToDoubleSeconds(result.elapsed);
  json["interrupted"] = result.interrupted;
  json["abandoned"] = result.abandoned;
  json["generator"] = {{"kept_up", result.KeptUp()},
                       {"late_ms",
                        {{"p50", absl::ToDoubleMilliseconds(result.lateness.Quantile(0.5))},
                         {"p99", absl::ToDoubleMilliseconds(result.lateness.Quantile(0.99))},
                         {"max", absl::ToDoubleMilliseconds(result.lateness.max())}}},
                       {"cpu_cores", CpuShare(result)}};
  return json;
}

std::string BenchReport::TimelineCsv() const {
  TextTable table({{"time_s"},
                   {"stream"},
                   {"offered_per_s"},
                   {"answered_per_s"},
                   {"sent"},
                   {"ok"},
                   {"degraded"},
                   {"shed"},
                   {"failed"},
                   {"attainment"},
                   {"p50_ms"},
                   {"p99_ms"},
                   {"mean_served_compute"},
                   {"mean_fidelity"}});
  for (size_t bin = 0; bin < result.timeline.bins(); ++bin) {
    for (size_t stream = 0; result.streams.size() > 1 && stream < result.streams.size(); ++stream) {
      table.AddRow(
          CsvRow(result, bin, result.streams[stream].name, result.timeline.cell(bin, stream)));
    }
    table.AddRow(CsvRow(result, bin, "all", result.timeline.Total(bin)));
  }
  return table.ToCsv();
}

std::string BenchReport::TimelineSvg() const {
  const TimelinePlot timeline(result);
  SvgPlot plot;
  plot.layout = PlotLayout::kStack;
  plot.title = absl::StrCat("Load on ", model.empty() ? target : model);
  plot.subtitle = absl::StrFormat(
      "attainment %s, %d shed, %d failed, mean served compute %s; bins of %g ms, by intended time",
      FormatNumber(result.total.Attainment(), 4), result.total.shed(), result.total.failed(),
      FormatNumber(result.total.MeanServedCompute(), 3),
      absl::ToDoubleMilliseconds(result.timeline.width()));
  plot.panels = {timeline.Rates(), timeline.Latency(), timeline.Compute()};
  return plot.ToText();
}

std::string BenchReport::Warning() const {
  if (result.KeptUp()) return "";
  return absl::StrFormat(
      "the load generator could not keep up: one send in a hundred was late by %.1f ms or more, so "
      "the load was not what was asked for and latencies are its own; lower the rate, or give it "
      "more of the processor",
      absl::ToDoubleMilliseconds(result.lateness.Quantile(0.99)));
}

}  // namespace snapvit::cli
