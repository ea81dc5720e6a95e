#include "server/inference_methods.h"

#include "core/base/status_macros.h"
#include "server/embedding_encoder.h"

namespace snapvit {

absl::StatusOr<EmbedMethod::Options> EmbedMethod::ReadOptions(const Request& request,
                                                              const ServedModel& model) {
  Options options;
  ASSIGN_OR_RETURN(options.output, ReadOutputOptions(request.output(), model));
  options.embedding_space_id =
      model.pooling(options.output.kind).space_id(options.output.dimensions);
  return options;
}

void EmbedMethod::FillResult(const EngineItem& result, const Options& options, const ServedModel&,
                             Item* item) {
  EncodeEmbedding(result.embedding_values, result.embedding_shape, options.output,
                  item->mutable_embedding());
}

absl::StatusOr<ClassifyMethod::Options> ClassifyMethod::ReadOptions(const Request& request,
                                                                    const ServedModel& model) {
  Options options;
  ASSIGN_OR_RETURN(options.classes, ReadClassOptions(request, model));
  options.embedding_space_id =
      model.pooling(EmbeddingKind::kDefault).space_id(model.config.embed_dim);
  return options;
}

void ClassifyMethod::FillResult(const EngineItem& result, const Options& options,
                                const ServedModel& model, Item* item) {
  BestClasses(result.logit_values, options.classes, model.labels, item->mutable_labels());
}

}  // namespace snapvit
