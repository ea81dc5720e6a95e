#include "server/inference_methods.h"

#include <algorithm>

#include "core/base/status_macros.h"
#include "server/budget_proto.h"
#include "server/duration_proto.h"
#include "server/embedding_encoder.h"
#include "server/receipt.h"
#include "server/rpc_status.h"

namespace snapvit {
namespace {

// One item an image: `fill` writes the result of one that was served.
template <typename Response, typename Fill>
void FillItems(const InferenceJob& job, const RequestTerms& terms, Response* response, Fill fill) {
  for (size_t i = 0; i < job.size(); ++i) {
    const InferenceJob::Outcome& outcome = job.outcome(i);
    auto* item = response->add_items();
    if (outcome.status.ok()) {
      fill(outcome.task->item(), item);
    } else {
      *item->mutable_error() = ToItemError(outcome.status);
    }
    if (outcome.task != nullptr && outcome.task->execution().rung.has_value()) {
      FillReceipt(job.model(), job.rungs(), outcome.task->execution(), terms.embedding_space_id,
                  item->mutable_receipt());
    }
  }
}

}  // namespace

template <typename Request, typename Response>
absl::Status NativeMethod<Request, Response>::ReadTerms(Request& request, RequestTerms& terms) {
  ASSIGN_OR_RETURN(terms.budget, ReadBudget(request.budget()));
  if (request.has_timeout()) {
    ASSIGN_OR_RETURN(terms.timeout, PositiveDuration(request.timeout(), "timeout"));
  }
  terms.images = request.mutable_images();
  return absl::OkStatus();
}

template <typename Request, typename Response>
void NativeMethod<Request, Response>::FillFault(const Request& request, const absl::Status& fault,
                                                int max_images, StreamReply* reply) {
  reply->clear_items();
  const int images = std::clamp(request.images_size(), 1, max_images);
  const google::rpc::Status error = ToItemError(fault);
  for (int i = 0; i < images; ++i) *reply->add_items()->mutable_error() = error;
}

template struct NativeMethod<v1::EmbedRequest, v1::EmbedResponse>;
template struct NativeMethod<v1::ClassifyRequest, v1::ClassifyResponse>;

absl::StatusOr<EmbedMethod::Options> EmbedMethod::ReadOptions(Request& request,
                                                              const ServedModel& model) {
  Options options;
  ASSIGN_OR_RETURN(options.output, ReadOutputOptions(request.output(), model));
  options.embedding_space_id =
      model.pooling(options.output.kind).space_id(options.output.dimensions);
  RETURN_IF_ERROR(ReadTerms(request, options));
  return options;
}

void EmbedMethod::FillReply(const InferenceJob& job, const Options& options, Response* response) {
  FillItems(job, options, response, [&](const EngineItem& result, v1::EmbedItem* item) {
    EncodeEmbedding(result.embedding_values, result.embedding_shape, options.output,
                    item->mutable_embedding());
  });
}

absl::StatusOr<ClassifyMethod::Options> ClassifyMethod::ReadOptions(Request& request,
                                                                    const ServedModel& model) {
  Options options;
  ASSIGN_OR_RETURN(options.classes, ReadClassOptions(request, model));
  options.embedding_space_id =
      model.pooling(EmbeddingKind::kDefault).space_id(model.config.embed_dim);
  RETURN_IF_ERROR(ReadTerms(request, options));
  return options;
}

void ClassifyMethod::FillReply(const InferenceJob& job, const Options& options,
                               Response* response) {
  FillItems(job, options, response, [&](const EngineItem& result, v1::ClassifyItem* item) {
    BestClasses(result.logit_values, options.classes, job.model().labels.names(),
                item->mutable_labels());
  });
}

}  // namespace snapvit
