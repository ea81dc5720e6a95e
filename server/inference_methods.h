// What tells Embed from Classify: their messages, options and results. Everything else about an
// inference call is shared (exchange.h).
#ifndef SNAPVIT_SERVER_INFERENCE_METHODS_H_
#define SNAPVIT_SERVER_INFERENCE_METHODS_H_

#include <string>

#include "absl/status/statusor.h"
#include "core/engine/engine.h"
#include "server/class_scores.h"
#include "server/metrics.h"
#include "server/output_options.h"
#include "server/served_model.h"
#include "snapvit/v1/inference.pb.h"

namespace snapvit {

struct EmbedMethod {
  using Request = v1::EmbedRequest;
  using Response = v1::EmbedResponse;
  using Item = v1::EmbedItem;
  struct Options {
    OutputOptions output;
    std::string embedding_space_id;
  };
  static constexpr RpcMethod kRpc = RpcMethod::kEmbed;
  static constexpr char kName[] = "embed";

  static absl::StatusOr<Options> ReadOptions(const Request& request, const ServedModel& model);
  static EmbeddingKind Embedding(const Options& options) { return options.output.kind; }
  static constexpr bool kLogits = false;
  static void FillResult(const EngineItem& result, const Options& options, const ServedModel& model,
                         Item* item);
};

struct ClassifyMethod {
  using Request = v1::ClassifyRequest;
  using Response = v1::ClassifyResponse;
  using Item = v1::ClassifyItem;
  struct Options {
    ClassOptions classes;
    std::string embedding_space_id;  // of the features behind the scores
  };
  static constexpr RpcMethod kRpc = RpcMethod::kClassify;
  static constexpr char kName[] = "classify";

  static absl::StatusOr<Options> ReadOptions(const Request& request, const ServedModel& model);
  static EmbeddingKind Embedding(const Options&) { return EmbeddingKind::kNone; }
  static constexpr bool kLogits = true;
  static void FillResult(const EngineItem& result, const Options& options, const ServedModel& model,
                         Item* item);
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_INFERENCE_METHODS_H_
