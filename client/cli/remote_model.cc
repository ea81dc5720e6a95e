// ImageModel on a server, through the client library.
#include <utility>

#include "client/cli/budget_proto.h"
#include "client/cli/image_model.h"
#include "client/client.h"

namespace snapvit::cli {
namespace {

// The readable files of a window as inputs, and where their results go.
struct Readable {
  std::vector<client::ImageInput> images;
  std::vector<size_t> file;  // index of each image's file
};

Readable SelectReadable(std::span<const ImageFile> files) {
  Readable readable;
  for (size_t i = 0; i < files.size(); ++i) {
    if (!files[i].bytes.ok()) continue;
    readable.images.emplace_back(client::EncodedImage{*files[i].bytes});
    readable.file.push_back(i);
  }
  return readable;
}

void SetError(const absl::Status& error, client::EmbedResult& result) { result.embedding = error; }
void SetError(const absl::Status& error, client::ClassifyResult& result) { result.labels = error; }

class RemoteModel final : public ImageModel {
 public:
  RemoteModel(std::unique_ptr<client::Client> client, const RemoteModelOptions& options,
              const ImageQuery& query)
      : client_(std::move(client)), name_(options.model) {
    SetCallOptions(options, query, embed_);
    embed_.output = query.output;
    SetCallOptions(options, query, classify_);
    classify_.top_k = query.top_k;
    classify_.activation = query.activation;
  }

  const std::string& name() const override { return name_; }

  absl::StatusOr<std::vector<client::EmbedResult>> Embed(
      std::span<const ImageFile> files) override {
    return Send<client::EmbedResult>(files, [this](std::span<const client::ImageInput> images) {
      return client_->Embed(images, embed_);
    });
  }

  absl::StatusOr<std::vector<client::ClassifyResult>> Classify(
      std::span<const ImageFile> files) override {
    return Send<client::ClassifyResult>(files, [this](std::span<const client::ImageInput> images) {
      return client_->Classify(images, classify_);
    });
  }

 private:
  static void SetCallOptions(const RemoteModelOptions& options, const ImageQuery& query,
                             client::CallOptions& call) {
    call.model = options.model;
    call.budget = ToProto(query.budget);
    call.timeout = options.timeout;
  }

  template <typename Result, typename Call>
  absl::StatusOr<std::vector<Result>> Send(std::span<const ImageFile> files, const Call& call) {
    const Readable readable = SelectReadable(files);
    absl::StatusOr<std::vector<Result>> answers = call(readable.images);
    if (!answers.ok()) return answers.status();
    std::vector<Result> results(files.size());
    for (size_t i = 0; i < files.size(); ++i) {
      if (!files[i].bytes.ok()) SetError(files[i].bytes.status(), results[i]);
    }
    for (size_t i = 0; i < answers->size(); ++i) {
      Result& answer = (*answers)[i];
      if (answer.receipt.has_value()) name_ = answer.receipt->model;
      results[readable.file[i]] = std::move(answer);
    }
    return results;
  }

  const std::unique_ptr<client::Client> client_;
  std::string name_;
  client::EmbedOptions embed_;
  client::ClassifyOptions classify_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ImageModel>> OpenRemoteModel(const RemoteModelOptions& options,
                                                            const ImageQuery& query) {
  absl::StatusOr<std::unique_ptr<client::Client>> client = client::Client::Create(options.client);
  if (!client.ok()) return client.status();
  return std::make_unique<RemoteModel>(*std::move(client), options, query);
}

}  // namespace snapvit::cli
