// The output tensors of the Open Inference Protocol: which there are, which a request wants, and
// their elements.
#ifndef SNAPVIT_SERVER_INFER_OUTPUT_H_
#define SNAPVIT_SERVER_INFER_OUTPUT_H_

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "inference/grpc_service.pb.h"
#include "server/inference_job.h"
#include "server/served_model.h"

namespace snapvit {

// Names of the outputs.
inline constexpr char kEmbeddingOutput[] = "embedding";          // FP32 [N, D]
inline constexpr char kProbabilitiesOutput[] = "probabilities";  // FP32 [N, C], with a classifier

struct InferOutput {
  bool probabilities = false;       // else the embedding
  std::optional<int> best_classes;  // of probabilities: as BYTES [N, k] instead, Triton's
                                    // classification extension
};

// In the order of the reply; all that the model has if the request names none. INVALID_ARGUMENT: an
// unknown or repeated output, an unknown parameter. FAILED_PRECONDITION: what the model cannot
// give.
absl::StatusOr<std::vector<InferOutput>> ReadInferOutputs(
    const inference::ModelInferRequest& request, const ServedModel& model);

// Appends `output` of all images. REQUIRES: all were served, with what the output needs.
void AppendInferOutput(const InferenceJob& job, const InferOutput& output,
                       inference::ModelInferResponse* response);

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_INFER_OUTPUT_H_
