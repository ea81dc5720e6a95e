#include "server/infer_method.h"

#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "server/infer_parameters.h"
#include "server/receipt.h"
#include "server/receipt_fields.h"
#include "server/rpc_status.h"

namespace snapvit {
namespace {

struct SetParameter {
  inference::InferParameter& parameter;

  void operator()(double value) { parameter.set_double_param(value); }
  void operator()(int64_t value) { parameter.set_int64_param(value); }
  void operator()(const std::string& value) { parameter.set_string_param(value); }
};

// Of the image that was served with the least compute.
v1::Receipt LeastReceipt(const InferenceJob& job, const std::string& embedding_space_id) {
  const Execution* least = nullptr;
  for (size_t i = 0; i < job.size(); ++i) {
    const Execution& execution = job.outcome(i).task->execution();
    if (least == nullptr || *execution.rung < *least->rung) least = &execution;
  }
  v1::Receipt receipt;
  FillReceipt(job.model(), job.rungs(), *least, embedding_space_id, &receipt);
  return receipt;
}

}  // namespace

absl::Status CheckModelVersion(const std::string& version) {
  if (version.empty() || version == kModelVersion) return absl::OkStatus();
  return absl::NotFoundError(
      absl::StrCat("model version is ", version, ", expected none or ", kModelVersion));
}

absl::StatusOr<InferMethod::Options> InferMethod::ReadOptions(Request& request,
                                                              const ServedModel& model) {
  RETURN_IF_ERROR(CheckModelVersion(request.model_version()));
  Options options;
  RETURN_IF_ERROR(ReadInferParameters(request.parameters(), options));
  ASSIGN_OR_RETURN(options.outputs, ReadInferOutputs(request, model));
  for (const InferOutput& output : options.outputs) {
    (output.probabilities ? options.probabilities : options.embedding) = true;
  }
  options.embedding_space_id =
      model.pooling(EmbeddingKind::kDefault).space_id(model.config.embed_dim);
  ASSIGN_OR_RETURN(auto images, ReadInferImages(request, model.preprocessing));
  options.own_images =
      std::make_unique<google::protobuf::RepeatedPtrField<v1::Image>>(std::move(images));
  options.images = options.own_images.get();
  return options;
}

void InferMethod::FillReply(const InferenceJob& job, const Options& options, Response* response) {
  response->set_model_name(job.model().name);
  response->set_model_version(kModelVersion);
  for (const InferOutput& output : options.outputs) AppendInferOutput(job, output, response);
  const v1::Receipt receipt = LeastReceipt(job, options.embedding_space_id);
  for (const ReceiptField& field : ReceiptFields(receipt)) {
    std::visit(SetParameter{(*response->mutable_parameters())[field.name]}, field.value);
  }
}

void InferMethod::FillFault(const Request& /*request*/, const absl::Status& fault,
                            int /*max_images*/, StreamReply* reply) {
  // The id, by which the client knows what it is about, is in the response already.
  reply->set_error_message(ToItemError(fault).message());
}

}  // namespace snapvit
