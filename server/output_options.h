// What a request wants its embeddings to look like.
#ifndef SNAPVIT_SERVER_OUTPUT_OPTIONS_H_
#define SNAPVIT_SERVER_OUTPUT_OPTIONS_H_

#include "absl/status/statusor.h"
#include "core/engine/engine.h"
#include "server/served_model.h"
#include "snapvit/v1/types.pb.h"

namespace snapvit {

struct OutputOptions {
  EmbeddingKind kind = EmbeddingKind::kDefault;
  bool normalize = false;
  v1::DType dtype = v1::DTYPE_FP32;  // FP32, FP16, BF16 or INT8
  int dimensions = 0;                // components kept of each vector: 1 … embedding_dim
};

// INVALID_ARGUMENT: unknown values, dimensions that the model has not. FAILED_PRECONDITION: a
// pooling that it cannot give.
absl::StatusOr<OutputOptions> ReadOutputOptions(const v1::Output& proto, const ServedModel& model);

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_OUTPUT_OPTIONS_H_
