// InferMethod: ModelInfer of the Open Inference Protocol, as a third method beside Embed and
// Classify (inference_methods.h): embedding, probabilities or both, from one forward.
#ifndef SNAPVIT_SERVER_INFER_METHOD_H_
#define SNAPVIT_SERVER_INFER_METHOD_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/engine/engine.h"
#include "inference/grpc_service.pb.h"
#include "server/infer_input.h"
#include "server/infer_output.h"
#include "server/inference_job.h"
#include "server/metrics.h"
#include "server/request_terms.h"
#include "server/served_model.h"

namespace snapvit {

// The one version that a model has.
inline constexpr char kModelVersion[] = "1";

// Empty or kModelVersion. NOT_FOUND otherwise.
absl::Status CheckModelVersion(const std::string& version);

struct InferMethod {
  using Request = inference::ModelInferRequest;
  using Response = inference::ModelInferResponse;
  using StreamReply = inference::ModelStreamInferResponse;
  struct Options : RequestTerms {
    std::unique_ptr<google::protobuf::RepeatedPtrField<v1::Image>> own_images;
    std::vector<InferOutput> outputs;
    bool embedding = false;  // is among them
    bool probabilities = false;
  };
  static constexpr RpcMethod kRpc = RpcMethod::kInfer;
  static constexpr char kName[] = "infer";
  // A tensor has no place for the error of one of its elements.
  static constexpr auto kImageFaults = InferenceJob::ImageFaults::kOfAll;

  static const std::string& ModelName(const Request& request) { return request.model_name(); }
  static absl::StatusOr<int64_t> ImageCount(const Request& request) {
    return CountInferImages(request);
  }
  static Response* ResponseOf(StreamReply* reply) { return reply->mutable_infer_response(); }
  static void FillFault(const Request& request, const absl::Status& fault, int max_images,
                        StreamReply* reply);

  // Takes the tensors out of `request`.
  static absl::StatusOr<Options> ReadOptions(Request& request, const ServedModel& model);
  static EmbeddingKind Embedding(const Options& options) {
    return options.embedding ? EmbeddingKind::kDefault : EmbeddingKind::kNone;
  }
  static bool Logits(const Options& options) { return options.probabilities; }
  static void FillReply(const InferenceJob& job, const Options& options, Response* response);
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_INFER_METHOD_H_
