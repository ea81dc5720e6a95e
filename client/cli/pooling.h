// The poolings of an embedding by name, as flags spell them.
#ifndef SNAPVIT_CLIENT_CLI_POOLING_H_
#define SNAPVIT_CLIENT_CLI_POOLING_H_

#include <string>

#include "absl/status/statusor.h"
#include "core/engine/engine.h"
#include "snapvit/v1/inference.pb.h"

namespace snapvit::cli {

// "default", "cls", "mean", "patches", "projected"; any other name is the default.
v1::Pooling PoolingOf(const std::string& name);

// What the engine calls it; FAILED_PRECONDITION for a projection, which no model here has.
absl::StatusOr<EmbeddingKind> EmbeddingKindOf(v1::Pooling pooling);

}  // namespace snapvit::cli

#endif  // SNAPVIT_CLIENT_CLI_POOLING_H_
