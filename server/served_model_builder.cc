#include "server/served_model_builder.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/base/status_macros.h"

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

absl::StatusOr<int> FloorRung(const Ladder& ladder, const std::optional<FloorTarget>& floor) {
  if (!floor.has_value()) {
    return ladder.has_fidelity() ? ladder.AtLeastFidelity(kDefaultFloorFidelity) : 0;
  }
  if (const auto* compute = std::get_if<ComputeTarget>(&*floor)) {
    return ladder.AtMostCompute(compute->share).value_or(0);
  }
  if (ladder.size() > 1 && !ladder.has_fidelity()) {
    return absl::FailedPreconditionError(
        "--floor is a fidelity, but the ordering has none measured; expected compute, such as 0.4");
  }
  return ladder.AtLeastFidelity(std::get<FidelityTarget>(*floor).fidelity);
}

}  // namespace

absl::StatusOr<LatencyTable> InterpolateLatency(const Ladder& ladder,
                                                std::span<const ProfileCell> cells) {
  std::vector<int> batches;
  std::map<int, Times> measured;
  for (const ProfileCell& cell : cells) {
    if (cell.rung == cells.front().rung) batches.push_back(cell.batch);
    measured[cell.rung].push_back(cell.p50);
  }
  std::vector<Times> times;
  for (int rung = 0; rung < ladder.size(); ++rung) {
    Times row = TimesOfRung(ladder, measured, rung);
    for (size_t i = 0; rung > 0 && i < row.size(); ++i) row[i] = std::max(row[i], times.back()[i]);
    times.push_back(std::move(row));
  }
  return LatencyTable::Create(std::move(batches), std::move(times));
}

absl::StatusOr<std::shared_ptr<const ServedModel>> BuildServedModel(
    std::shared_ptr<const ElasticModel> model, uint64_t generation,
    const std::optional<FloorTarget>& floor, std::span<const ProfileCell> cells) {
  auto served = std::make_shared<ServedModel>(model->config(), model->ladder());
  served->name = model->name();
  served->generation = generation;
  served->preprocessing = model->preprocessing();
  served->labels = model->labels();
  served->parameters = model->parameters();
  served->dtype = model->dtype();
  if (model->ranking() != nullptr) served->ranking = *model->ranking();
  served->ordering_id = model->ordering_id();
  if (model->ordering() != nullptr) {
    served->calibration_source = model->ordering()->calibration_source;
  }
  ASSIGN_OR_RETURN(served->floor_rung, FloorRung(served->ladder, floor));
  if (!cells.empty()) {
    ASSIGN_OR_RETURN(LatencyTable table, InterpolateLatency(served->ladder, cells));
    served->latency = std::make_shared<const LatencyTable>(std::move(table));
  }
  for (const ProfileCell& cell : cells) {
    served->measured.push_back({cell.rung, cell.batch, cell.p50});
  }
  for (const EmbeddingKind kind : {EmbeddingKind::kDefault, EmbeddingKind::kClass,
                                   EmbeddingKind::kMean, EmbeddingKind::kPatches}) {
    PoolingSupport& support =
        served->poolings[static_cast<size_t>(kind) - static_cast<size_t>(EmbeddingKind::kDefault)];
    support.status = CheckEmbeddingKind(model->config(), kind);
    support.space_id = [model, kind](int dimensions) {
      return model->EmbeddingSpace(EmbeddingKindName(kind), dimensions);
    };
  }
  served->engine_model = std::move(model);
  return std::shared_ptr<const ServedModel>(std::move(served));
}

}  // namespace snapvit
