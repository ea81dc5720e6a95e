// What tells Embed from Classify: their messages, options and results. Everything else about an
// inference call is shared (exchange.h); the third method is InferMethod (infer_method.h).
#ifndef SNAPVIT_SERVER_INFERENCE_METHODS_H_
#define SNAPVIT_SERVER_INFERENCE_METHODS_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/engine/engine.h"
#include "server/class_scores.h"
#include "server/inference_job.h"
#include "server/metrics.h"
#include "server/output_options.h"
#include "server/request_terms.h"
#include "server/served_model.h"
#include "snapvit/v1/inference.pb.h"

namespace snapvit {

// The parts that are the same for all methods of snapvit.v1.Inference. A stream's replies are those
// of unary calls.
template <typename RequestType, typename ResponseType>
struct NativeMethod {
  using Request = RequestType;
  using Response = ResponseType;
  using StreamReply = ResponseType;
  static constexpr auto kImageFaults = InferenceJob::ImageFaults::kApart;

  static const std::string& ModelName(const Request& request) { return request.model(); }
  static absl::StatusOr<int64_t> ImageCount(const Request& request) {
    return request.images_size();
  }
  static Response* ResponseOf(StreamReply* reply) { return reply; }

  // The answer of a stream to a message that has failed: `fault` as the error of every image, at
  // most `max_images` (of one, if there is none).
  static void FillFault(const Request& request, const absl::Status& fault, int max_images,
                        StreamReply* reply);

 protected:
  static absl::Status ReadTerms(Request& request, RequestTerms& terms);
};

struct EmbedMethod : NativeMethod<v1::EmbedRequest, v1::EmbedResponse> {
  struct Options : RequestTerms {
    OutputOptions output;
  };
  static constexpr RpcMethod kRpc = RpcMethod::kEmbed;
  static constexpr char kName[] = "embed";

  // Refers to the images of `request`.
  static absl::StatusOr<Options> ReadOptions(Request& request, const ServedModel& model);
  static EmbeddingKind Embedding(const Options& options) { return options.output.kind; }
  static bool Logits(const Options&) { return false; }
  static void FillReply(const InferenceJob& job, const Options& options, Response* response);
};

struct ClassifyMethod : NativeMethod<v1::ClassifyRequest, v1::ClassifyResponse> {
  struct Options : RequestTerms {
    ClassOptions classes;
  };
  static constexpr RpcMethod kRpc = RpcMethod::kClassify;
  static constexpr char kName[] = "classify";

  // Refers to the images of `request`.
  static absl::StatusOr<Options> ReadOptions(Request& request, const ServedModel& model);
  static EmbeddingKind Embedding(const Options&) { return EmbeddingKind::kNone; }
  static bool Logits(const Options&) { return true; }
  static void FillReply(const InferenceJob& job, const Options& options, Response* response);
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_INFERENCE_METHODS_H_
