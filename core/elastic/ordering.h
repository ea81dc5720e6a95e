// Ordering: how important each MLP channel and each head is, and everything that was measured about
// it on calibration images. Kept in ordering.safetensors (docs/formats.md); made by core/snapvit,
// or imported.
#ifndef SNAPVIT_CORE_ELASTIC_ORDERING_H_
#define SNAPVIT_CORE_ELASTIC_ORDERING_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/elastic/corrections.h"
#include "core/model/vit_config.h"

namespace snapvit {

// A fingerprint that fits every model of the right shape: imported score files have it.
inline constexpr std::string_view kAnyModel = "any";

// One step down an explicit budget path: `structure` is the MLP of block s (s < blocks) or the
// heads of block s − blocks; from this step on it keeps `keep` units.
struct PathStep {
  int32_t structure = 0;
  int32_t keep = 0;
  bool operator==(const PathStep&) const = default;
};

// Quality against compute, measured on calibration images that neither gradients nor search saw.
// Parallel vectors, by rising compute; fidelity is monotone (isotonic regression).
struct FidelityCurve {
  std::vector<float> compute;         // share of the dense FLOPs, (0, 1]
  std::vector<float> fidelity;        // mean centred cosine to the dense embedding
  std::vector<float> standard_error;  // of the mean
  std::vector<float> agreement;  // top-1 agreement with the dense model; empty without a classifier

  // Mean overlap of the ten nearest neighbours with those of the dense model; empty: not measured.
  std::vector<float> overlap;
  // What the measured views added for pruned units: the curve is true of no other mode.
  CorrectionMode corrections = CorrectionMode::kNone;

  bool empty() const { return compute.empty(); }
};

struct Ordering {
  int blocks = 0;
  int hidden = 0;  // MLP channels of a block
  int heads = 0;
  std::vector<float> mlp_scores;   // [blocks, hidden], row-major; higher = more important
  std::vector<float> head_scores;  // [blocks, heads]
  double min_mlp_keep = 0.05;      // share of each block's channels that no budget removes
  double min_head_keep = 0.2;
  std::vector<PathStep>
      path;                 // empty: the path of the published ratio pairs (BudgetPath::Published)
  Corrections corrections;  // empty: none were computed
  FidelityCurve fidelity;   // empty: not measured

  std::string model_fingerprint = std::string(kAnyModel);
  std::string recipe;              // "gradient", "published", …
  std::string calibration_source;  // for people: "synthetic, 256 images", a folder, …
  uint64_t seed = 0;

  std::span<const float> BlockMlpScores(int block) const {
    return std::span(mlp_scores).subspan(static_cast<size_t>(block) * hidden, hidden);
  }
  std::span<const float> BlockHeadScores(int block) const {
    return std::span(head_scores).subspan(static_cast<size_t>(block) * heads, heads);
  }

  // Identifies what decides a view's results: scores, minimum keeps, path, corrections. 16
  // hexadecimal digits.
  std::string Id() const;
};

// INVALID_ARGUMENT, naming what is wrong, unless all sizes agree, scores are finite, ratios in [0,
// 1], the path only ever falls and corrections fit their structures.
absl::Status ValidateOrdering(const Ordering& ordering);

// FAILED_PRECONDITION unless the ordering's shape is that of the model and its fingerprint is
// `fingerprint` or "any". Messages name both sides.
absl::Status CheckOrderingFits(const Ordering& ordering, const VitConfig& config,
                               std::string_view fingerprint);

// Reads and validates; messages name the file.
absl::StatusOr<Ordering> ReadOrdering(const std::string& path);

// Writes atomically: a reader, also after a crash, sees the old file or the whole new one. Same
// ordering, same bytes.
absl::Status WriteOrdering(const Ordering& ordering, const std::string& path);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_ELASTIC_ORDERING_H_
