// model_args of a timm config.json: the arguments that its model was built with.
#ifndef SNAPVIT_CORE_MODEL_TIMM_MODEL_ARGS_H_
#define SNAPVIT_CORE_MODEL_TIMM_MODEL_ARGS_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "core/model/json_fields.h"
#include "core/model/timm_hub_file.h"

namespace snapvit {

// The arguments of VisionTransformer, or with kRotary of Eva as DINOv3 uses it. INVALID_ARGUMENT
// for an argument that is unknown, or known and set to something that is not supported.
absl::StatusOr<TimmModelArgs> ReadTimmModelArgs(const JsonFields& fields, Positions positions);

// timm's global_pool in `key`; nothing if not given. INVALID_ARGUMENT unless "token", "avg" or
// "map".
absl::StatusOr<std::optional<ModelPooling>> ReadTimmPooling(const JsonFields& fields,
                                                            const std::string& key);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_MODEL_TIMM_MODEL_ARGS_H_
