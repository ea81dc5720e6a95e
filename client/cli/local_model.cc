// ImageModel in this process: decode on all cores, then compute in batches on the compute thread.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cli/class_scores.h"
#include "client/cli/compute_thread.h"
#include "client/cli/embedding_output.h"
#include "client/cli/image_model.h"
#include "client/cli/local_rung.h"
#include "client/cli/open_model.h"
#include "client/cli/pooling.h"
#include "client/cli/prepared_images.h"
#include "core/base/clock.h"
#include "core/base/status_macros.h"

namespace snapvit::cli {
namespace {

constexpr size_t kBatch = 16;

// What the model cannot give for any image.
absl::Status CheckOutput(const ElasticModel& model, const v1::Output& output) {
  ASSIGN_OR_RETURN(const EmbeddingKind kind, EmbeddingKindOf(output.pooling()));
  RETURN_IF_ERROR(CheckEmbeddingKind(model.config(), kind));
  const auto size = static_cast<uint32_t>(EmbeddingSize(model.config(), kind));
  if (output.dimensions() <= size) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("dimensions is ", output.dimensions(), ", the model's embeddings have ", size));
}

// One computed image.
struct Computed {
  absl::Status status;
  EngineItem item;
  client::Receipt receipt;
};

class LocalModel final : public ImageModel {
 public:
  LocalModel(std::unique_ptr<ComputeThread> compute, std::shared_ptr<const ElasticModel> model,
             client::Receipt receipt, const LocalModelOptions& options, const ImageQuery& query)
      : compute_(std::move(compute)),
        model_(std::move(model)),
        receipt_(std::move(receipt)),
        options_(options),
        query_(query) {}

  const std::string& name() const override { return model_->name(); }

  absl::StatusOr<std::vector<client::EmbedResult>> Embed(
      std::span<const ImageFile> files) override {
    RETURN_IF_ERROR(CheckOutput(*model_, query_.output));
    ASSIGN_OR_RETURN(const EmbeddingKind kind, EmbeddingKindOf(query_.output.pooling()));
    std::vector<client::EmbedResult> results;
    for (Computed& computed : Compute(files, kind, /*logits=*/false)) {
      client::EmbedResult& result = results.emplace_back();
      if (!computed.status.ok()) {
        result.embedding = computed.status;
        continue;
      }
      client::Embedding embedding{std::move(computed.item.embedding_values),
                                  std::move(computed.item.embedding_shape)};
      ShapeEmbedding(query_.output.dimensions(), query_.output.normalize(), embedding);
      computed.receipt.embedding_space_id =
          model_->EmbeddingSpace(EmbeddingKindName(kind), static_cast<int>(embedding.shape.back()));
      result.embedding = std::move(embedding);
      result.receipt = std::move(computed.receipt);
    }
    return results;
  }

  absl::StatusOr<std::vector<client::ClassifyResult>> Classify(
      std::span<const ImageFile> files) override {
    if (model_->config().num_classes == 0) {
      return absl::FailedPreconditionError(
          absl::StrCat("model ", name(), " has no classifier: it can embed only"));
    }
    std::vector<client::ClassifyResult> results;
    for (Computed& computed : Compute(files, EmbeddingKind::kNone, /*logits=*/true)) {
      client::ClassifyResult& result = results.emplace_back();
      if (!computed.status.ok()) {
        result.labels = computed.status;
        continue;
      }
      std::vector<float>& scores = computed.item.logit_values;
      ApplyActivation(query_.activation, scores);
      result.labels = TopLabels(scores, model_->labels(), query_.top_k);
      result.receipt = std::move(computed.receipt);
    }
    return results;
  }

 private:
  std::vector<Computed> Compute(std::span<const ImageFile> files, EmbeddingKind kind, bool logits) {
    const std::vector<PreparedImage> images =
        PrepareImages(files, model_->preprocessing(), options_.exif, options_.threads);
    std::vector<Computed> computed(files.size());
    std::vector<Computed*> readable;
    for (size_t i = 0; i < files.size(); ++i) {
      computed[i].status = images[i].pixels.status();
      if (!computed[i].status.ok()) continue;
      computed[i].receipt = receipt_;
      computed[i].receipt.decode_time = images[i].decode_time;
      EngineItem& item = computed[i].item;
      item.model = model_;
      item.rung = static_cast<int>(receipt_.rung);
      item.pixels = *images[i].pixels;
      item.embedding = kind;
      item.logits = logits;
      readable.push_back(&computed[i]);
    }
    for (size_t first = 0; first < readable.size(); first += kBatch) {
      RunBatch(std::span(readable).subspan(first, std::min(kBatch, readable.size() - first)));
    }
    return computed;
  }

  void RunBatch(std::span<Computed* const> batch) {
    std::vector<EngineItem*> items;
    for (Computed* image : batch) items.push_back(&image->item);
    std::vector<absl::Status> statuses(batch.size());
    const absl::Time start = Clock::Monotonic()->Now();
    compute_->Run([&] {
      compute_->engine().Run(items, statuses);
      return true;
    });
    const absl::Duration time = Clock::Monotonic()->Now() - start;
    for (size_t i = 0; i < batch.size(); ++i) {
      batch[i]->status = statuses[i];
      batch[i]->receipt.compute_time = time;
      batch[i]->receipt.batch_size = static_cast<uint32_t>(batch.size());
    }
  }

  const std::unique_ptr<ComputeThread> compute_;
  const std::shared_ptr<const ElasticModel> model_;
  const client::Receipt receipt_;  // of every image, without times
  const LocalModelOptions options_;
  const ImageQuery query_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ImageModel>> OpenLocalModel(const LocalModelOptions& options,
                                                           const ImageQuery& query) {
  ASSIGN_OR_RETURN(std::unique_ptr<ComputeThread> compute, ComputeThread::Create(options.threads));
  const OrderingNeed need = IsDense(query.budget) ? OrderingNeed::kNone : OrderingNeed::kRequired;
  ASSIGN_OR_RETURN(std::shared_ptr<const ElasticModel> model,
                   OpenModel(options.loader, need, *compute));
  ASSIGN_OR_RETURN(client::Receipt receipt, RungChooser(model, *compute).Choose(query.budget));
  return std::make_unique<LocalModel>(std::move(compute), std::move(model), std::move(receipt),
                                      options, query);
}

}  // namespace snapvit::cli
