#include "server/latency_interpolation.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>
#include <vector>

namespace snapvit {
namespace {

using Times = std::vector<absl::Duration>;  // of one rung, per batch size

Times Between(const Times& low, const Times& high, double weight) {
  Times times;
  for (size_t i = 0; i < low.size(); ++i) times.push_back(low[i] + weight * (high[i] - low[i]));
  return times;
}

Times TimesOfRung(const Ladder& ladder, const std::map<int, Times>& measured, int rung) {
  const auto above = measured.lower_bound(rung);
  if (above->first == rung) return above->second;
  const auto below = std::prev(above);
  const double low = ladder.rung(below->first).compute;
  const double high = ladder.rung(above->first).compute;
  return Between(below->second, above->second, (ladder.rung(rung).compute - low) / (high - low));
}

}  // namespace

absl::StatusOr<LatencyTable> InterpolateLatency(const Ladder& ladder,
                                                std::span<const MeasuredLatency> cells) {
  std::vector<int> batches;
  std::map<int, Times> measured;
  for (const MeasuredLatency& cell : cells) {
    if (cell.rung == cells.front().rung) batches.push_back(cell.batch);
    measured[cell.rung].push_back(cell.time);
  }
  std::vector<Times> times;
  for (int rung = 0; rung < ladder.size(); ++rung) {
    Times row = TimesOfRung(ladder, measured, rung);
    for (size_t i = 0; rung > 0 && i < row.size(); ++i) row[i] = std::max(row[i], times.back()[i]);
    times.push_back(std::move(row));
  }
  return LatencyTable::Create(std::move(batches), std::move(times));
}

}  // namespace snapvit
