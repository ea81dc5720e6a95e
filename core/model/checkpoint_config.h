// CheckpointConfig: what a model folder says about its model, whichever library wrote it: the
// configuration, how images are prepared, and where each weight is. config.json and the tensors are
// brought together: the tensors say everything that shapes can say; the config is checked against
// them, and adds what shapes do not tell.
#ifndef SNAPVIT_CORE_MODEL_CHECKPOINT_CONFIG_H_
#define SNAPVIT_CORE_MODEL_CHECKPOINT_CONFIG_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/image/preprocessing.h"
#include "core/model/checkpoint.h"
#include "core/model/model_files.h"
#include "core/model/tensor_map.h"
#include "core/model/vit_config.h"

namespace snapvit {

// How a library makes position embeddings fit another grid of patches than they were trained for.
enum class PositionResampling {
  kBicubicAntialias,
  kBicubic,
  kBilinear,
};

// What the stored position embeddings are for.
struct StoredPositions {
  int prefix_rows = 0;  // rows before the patches', for the first so many tokens of the prefix
  int grid_height = 0;  // patches
  int grid_width = 0;
  PositionResampling resampling = PositionResampling::kBicubicAntialias;
};

struct CheckpointConfig {
  VitConfig model;
  Preprocessing preprocessing;
  std::vector<std::string> labels;  // num_classes of them, or none
  StoredPositions positions;        // with Positions::kLearned
  TensorMap tensors;  // every one that `model` has, with the right shape, and no others
};

// Reads config.json, and preprocessor_config.json beside a Hugging Face model. A config.json with a
// "model_type" is transformers' (ReadHfConfig), one with an "architecture" alone timm's
// (ReadTimmConfig). INVALID_ARGUMENT names the file, the field or tensor, its value, and what was
// expected; NOT_FOUND if a Hugging Face model has no preprocessor_config.json.
absl::StatusOr<CheckpointConfig> ReadCheckpointConfig(const ModelFiles& files,
                                                      const Checkpoint& checkpoint);

struct PatchGrid {
  int height = 0;  // patches
  int width = 0;
};

// The grid that so many stored positions are for: `target` if that has as many patches, else a
// square. Nothing if it is neither.
std::optional<PatchGrid> StoredGrid(int patches, PatchGrid target);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_MODEL_CHECKPOINT_CONFIG_H_
