#include "server/served_model_builder.h"

#include <utility>
#include <vector>

#include "core/base/status_macros.h"
#include "server/latency_interpolation.h"
#include "server/model_floor.h"

namespace snapvit {

absl::StatusOr<std::shared_ptr<const ServedModel>> BuildServedModel(
    std::shared_ptr<const ElasticModel> model, uint64_t generation,
    const std::optional<FloorTarget>& floor, std::span<const ProfileCell> cells) {
  auto served = std::make_shared<ServedModel>(model->config(), model->ladder());
  served->name = model->name();
  served->generation = generation;
  served->preprocessing = model->preprocessing();
  served->labels = ClassLabels(model->labels());
  served->parameters = model->parameters();
  served->dtype = model->dtype();
  served->device = model->device();
  served->kernels = std::string(model->kernels());
  if (model->ranking() != nullptr) served->ranking = *model->ranking();
  served->ordering_id = model->ordering_id();
  if (model->ordering() != nullptr) {
    served->calibration_source = model->ordering()->calibration_source;
  }
  ASSIGN_OR_RETURN(served->floor_rung, ModelFloorRung(served->ladder, floor));
  for (const ProfileCell& cell : cells) {
    served->measured.push_back({cell.rung, cell.batch, cell.p50});
  }
  if (!cells.empty()) {
    ASSIGN_OR_RETURN(LatencyTable table, InterpolateLatency(served->ladder, served->measured));
    served->latency = std::make_shared<const LatencyTable>(std::move(table));
  }
  for (const EmbeddingKind kind :
       {EmbeddingKind::kDefault, EmbeddingKind::kClass, EmbeddingKind::kMean,
        EmbeddingKind::kPatches, EmbeddingKind::kProjected}) {
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
