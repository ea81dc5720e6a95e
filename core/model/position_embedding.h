// Stored position embeddings as a model of another input size, or with other tokens before its
// patches, adds them.
#ifndef SNAPVIT_CORE_MODEL_POSITION_EMBEDDING_H_
#define SNAPVIT_CORE_MODEL_POSITION_EMBEDDING_H_

#include <ATen/core/Tensor.h>

#include "core/model/checkpoint_config.h"
#include "core/model/vit_config.h"

namespace snapvit {

// `rows`: [stored.prefix_rows + grid, D]. The result: [1, N, D] in the same dtype, a view of `rows`
// if nothing changes. Patches of another grid than the model's are resampled in f32, as the library
// that wrote the checkpoint does; tokens of the prefix that have no row get zero, which is the same
// as adding the others' first and putting them in front after.
at::Tensor FitPositions(const VitConfig& config, const StoredPositions& stored,
                        const at::Tensor& rows);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_MODEL_POSITION_EMBEDDING_H_
