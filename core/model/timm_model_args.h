// model_args of a timm config.json: the arguments that its VisionTransformer was built with.
#ifndef SNAPVIT_CORE_MODEL_TIMM_MODEL_ARGS_H_
#define SNAPVIT_CORE_MODEL_TIMM_MODEL_ARGS_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "core/model/json_fields.h"
#include "core/model/timm_hub_file.h"

namespace snapvit {

// INVALID_ARGUMENT for an argument that is unknown, or known and set to something that a plain ViT
// does not have.
absl::StatusOr<TimmModelArgs> ReadTimmModelArgs(const JsonFields& fields);

// timm's global_pool in `key`; nothing if not given. INVALID_ARGUMENT unless "token" or "avg".
absl::StatusOr<std::optional<ModelPooling>> ReadTimmPooling(const JsonFields& fields,
                                                            const std::string& key);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_MODEL_TIMM_MODEL_ARGS_H_
