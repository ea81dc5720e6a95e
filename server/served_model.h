// ServedModel: what the services know of the model that is served now, in plain types: one
// immutable snapshot. A request keeps the one that it was admitted with, so that a new ordering can
// take over at any moment.
#ifndef SNAPVIT_SERVER_SERVED_MODEL_H_
#define SNAPVIT_SERVER_SERVED_MODEL_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/elastic/cost_model.h"
#include "core/elastic/elastic_model.h"
#include "core/elastic/keep_rule.h"
#include "core/elastic/ladder.h"
#include "core/engine/engine.h"
#include "core/image/preprocessing.h"
#include "core/model/vit_config.h"
#include "core/scheduling/latency_table.h"

namespace snapvit {

// Whether the model can give a kind of embedding, and which space such embeddings live in.
struct PoolingSupport {
  absl::Status status;  // OK, or FAILED_PRECONDITION with what it can give instead
  std::function<std::string(int dimensions)> space_id;
};

// A measured cell of the profile.
struct MeasuredLatency {
  int rung = 0;
  int batch = 0;
  absl::Duration time;
};

// The names of the classes, and how long they are, which each reply's bound asks for.
class ClassLabels {
 public:
  ClassLabels() = default;  // unnamed classes
  explicit ClassLabels(std::vector<std::string> names) : names_(std::move(names)) {
    for (const std::string& name : names_) {
      longest_ = std::max(longest_, name.size());
      bytes_ += name.size();
    }
  }

  const std::vector<std::string>& names() const { return names_; }
  size_t longest() const { return longest_; }  // bytes
  size_t bytes() const { return bytes_; }      // of all

 private:
  std::vector<std::string> names_;
  size_t longest_ = 0;
  size_t bytes_ = 0;
};

struct ServedModel {
  ServedModel(const VitConfig& vit, Ladder rungs)
      : config(vit), ladder(std::move(rungs)), cost(vit) {}

  std::string name;
  uint64_t generation = 0;  // identity of the ladder: a new one for every swap
  VitConfig config;
  Preprocessing preprocessing;
  ClassLabels labels;
  uint64_t parameters = 0;
  std::string device = "cpu";
  ExecutionDtype dtype = ExecutionDtype::kFloat32;
  std::string kernels;  // ElasticModel::kernels; empty if nothing is computed

  Ladder ladder;
  CostModel cost;
  std::optional<UnitRanking> ranking;
  std::string ordering_id;
  std::string calibration_source;  // empty without an ordering
  int floor_rung = 0;

  std::shared_ptr<const LatencyTable> latency;  // null: not profiled
  std::vector<MeasuredLatency> measured;        // by rung, then batch

  // By EmbeddingKind, from kDefault on.
  std::array<PoolingSupport, 5> poolings;

  // What the engine computes with; null in tests without one.
  std::shared_ptr<const ElasticModel> engine_model;

  size_t input_values() const { return size_t{3} * config.image_height * config.image_width; }
  const PoolingSupport& pooling(EmbeddingKind kind) const {
    return poolings[static_cast<size_t>(kind) - static_cast<size_t>(EmbeddingKind::kDefault)];
  }
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_SERVED_MODEL_H_
