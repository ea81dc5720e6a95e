#include "client/cli/profile_report.h"

#include "absl/strings/str_cat.h"
#include "client/cli/text_table.h"

namespace snapvit::cli {
namespace {

double Milliseconds(absl::Duration duration) { return absl::ToDoubleMilliseconds(duration); }

double ItemsPerSecond(const ProfileCell& cell) {
  return cell.batch / absl::ToDoubleSeconds(cell.p50);
}

}  // namespace

std::string ProfileReport::ToText() const {
  TextTable table({{"budget"},
                   {"compute"},
                   {"GFLOP"},
                   {"batch"},
                   {"min ms"},
                   {"p50 ms"},
                   {"p95 ms"},
                   {"images/s"}});
  for (const Row& row : rows) {
    const ProfileCell& cell = row.cell;
    table.AddRow({row.budget, FormatNumber(row.served_compute, 3), FormatNumber(row.gflops, 3),
                  absl::StrCat(cell.batch), FormatNumber(Milliseconds(cell.min), 2),
                  FormatNumber(Milliseconds(cell.p50), 2), FormatNumber(Milliseconds(cell.p95), 2),
                  FormatNumber(ItemsPerSecond(cell), 1)});
  }
  return absl::StrCat(model, " on cpu, ", dtype, ", ", threads,
                      threads == 1 ? " thread" : " threads", "\n\n", table.ToText());
}

Json ProfileReport::ToJson() const {
  Json cells = Json::array();
  for (const Row& row : rows) {
    cells.push_back({{"budget", row.budget},
                     {"served_compute", row.served_compute},
                     {"gflops", row.gflops},
                     {"rung", row.cell.rung},
                     {"batch", row.cell.batch},
                     {"latency_ms",
                      {{"min", Milliseconds(row.cell.min)},
                       {"p50", Milliseconds(row.cell.p50)},
                       {"p95", Milliseconds(row.cell.p95)}}},
                     {"items_per_second", ItemsPerSecond(row.cell)}});
  }
  return {{"model", model},
          {"device", device},
          {"dtype", dtype},
          {"threads", threads},
          {"keep_counts", uniform ? "uniform" : "ordering"},
          {"cells", std::move(cells)}};
}

}  // namespace snapvit::cli
