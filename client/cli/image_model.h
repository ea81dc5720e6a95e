// ImageModel: a model that embeds and classifies image files, loaded here or behind a server. What
// `embed` and `classify` are written against.
#ifndef SNAPVIT_CLIENT_CLI_IMAGE_MODEL_H_
#define SNAPVIT_CLIENT_CLI_IMAGE_MODEL_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/cli/image_files.h"
#include "client/client.h"
#include "client/result.h"
#include "core/elastic/budget.h"
#include "core/snapvit/elastic_loader.h"
#include "snapvit/v1/inference.pb.h"

namespace snapvit::cli {

// What is asked of every image.
struct ImageQuery {
  Budget budget;       // without target: dense here, the tenant's default on a server
  v1::Output output;   // embeddings; always FP32
  uint32_t top_k = 5;  // labels; more than there are classes: all
  v1::Activation activation = v1::ACTIVATION_SOFTMAX;
};

// Results in the order of the files. Unreadable files are errors of their own. A call fails only if
// nothing can be done for any image. Not thread-safe; calls block.
class ImageModel {
 public:
  virtual ~ImageModel() = default;

  // Its name; of a server's model once something was answered.
  virtual const std::string& name() const = 0;
  virtual absl::StatusOr<std::vector<client::EmbedResult>> Embed(
      std::span<const ImageFile> files) = 0;
  virtual absl::StatusOr<std::vector<client::ClassifyResult>> Classify(
      std::span<const ImageFile> files) = 0;
};

struct LocalModelOptions {
  ElasticLoaderOptions loader;
  int threads = 0;   // of compute and of decoding; 0: all cores
  bool exif = true;  // apply the EXIF orientation
};

// Loads a model folder. At budget 1 no ordering is read or made; else a missing one is computed,
// with progress on standard error. Errors of the budget come from here too.
absl::StatusOr<std::unique_ptr<ImageModel>> OpenLocalModel(const LocalModelOptions& options,
                                                           const ImageQuery& query);

struct RemoteModelOptions {
  client::ClientOptions client;
  std::string model;                           // empty: the one that the server serves
  absl::Duration timeout = absl::Seconds(60);  // of one request
};

// Does not connect yet.
absl::StatusOr<std::unique_ptr<ImageModel>> OpenRemoteModel(const RemoteModelOptions& options,
                                                            const ImageQuery& query);

}  // namespace snapvit::cli

#endif  // SNAPVIT_CLIENT_CLI_IMAGE_MODEL_H_
