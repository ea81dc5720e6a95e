#include "server/reply_size.h"

#include <algorithm>

namespace snapvit {
namespace {

// Tags, lengths and numbers of fixed count, rounded up.
constexpr size_t kItemBytes = 64;      // around a result and a receipt
constexpr size_t kReceiptBytes = 224;  // but for its texts
constexpr size_t kLabelBytes = 32;     // but for its name
constexpr size_t kTensorBytes = 64;
// The same fields as named parameters, once for all images.
constexpr size_t kParameterBytes = 1024;
constexpr size_t kVersionBytes = 16;

size_t ReceiptTexts(const ServedModel& model, const RequestTerms& terms) {
  return model.name.size() + model.ordering_id.size() + terms.embedding_space_id.size();
}

size_t ElementBytes(v1::DType dtype) {
  switch (dtype) {
    case v1::DTYPE_FP16:
    case v1::DTYPE_BF16:
      return 2;
    case v1::DTYPE_INT8:
      return 1;
    default:
      return sizeof(float);
  }
}

size_t Vectors(const ServedModel& model, EmbeddingKind kind) {
  return kind == EmbeddingKind::kPatches ? static_cast<size_t>(model.config.patches()) : 1;
}

// Of the `count` best classes, whichever they are.
size_t LabelsBytes(const ServedModel& model, int count) {
  return count * kLabelBytes + std::min(model.labels.bytes(), count * model.labels.longest());
}

size_t OutputBytes(const InferOutput& output, const ServedModel& model) {
  if (output.best_classes.has_value()) return LabelsBytes(model, *output.best_classes);
  return sizeof(float) * (output.probabilities ? model.config.num_classes : model.config.embed_dim);
}

}  // namespace

size_t MostReplyBytes(const EmbedMethod::Options& options, const ServedModel& model, int images) {
  const OutputOptions& output = options.output;
  const size_t elements = Vectors(model, output.kind) * static_cast<size_t>(output.dimensions);
  return images * (kItemBytes + kReceiptBytes + ReceiptTexts(model, options) +
                   elements * ElementBytes(output.dtype));
}

size_t MostReplyBytes(const ClassifyMethod::Options& options, const ServedModel& model,
                      int images) {
  return images * (kItemBytes + kReceiptBytes + ReceiptTexts(model, options) +
                   LabelsBytes(model, options.classes.top_k));
}

size_t MostReplyBytes(const InferMethod::Options& options, const ServedModel& model, int images) {
  // The model's name is in the reply and in its receipt.
  size_t bytes = kVersionBytes + model.name.size() + kParameterBytes + ReceiptTexts(model, options);
  for (const InferOutput& output : options.outputs) {
    bytes += kTensorBytes + images * OutputBytes(output, model);
  }
  return bytes;
}

}  // namespace snapvit
