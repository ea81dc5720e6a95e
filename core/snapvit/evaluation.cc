#include "core/snapvit/evaluation.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <span>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/elastic/elastic_state.h"
#include "core/elastic/view_forward.h"
#include "core/image/preprocess.h"
#include "core/model/torch_guard.h"
#include "core/snapvit/image_file.h"

namespace snapvit {
namespace {

constexpr size_t kBatch = 32;

// What the rungs say about a set of images, per rung: embeddings [images, D] and classes [images].
struct RungOutputs {
  std::vector<at::Tensor> embeddings;
  std::vector<at::Tensor> classes;  // of undefined tensors without a classifier
};

class OutputCollector {
 public:
  OutputCollector(const ElasticModel& model, const EvaluationOptions& options)
      : model_(model), options_(options) {}

  absl::StatusOr<RungOutputs> Run(const std::vector<std::string>& files,
                                  const ProgressFn& progress) const {
    std::vector<std::vector<at::Tensor>> embeddings(options_.rungs.size());
    std::vector<std::vector<at::Tensor>> classes(options_.rungs.size());
    for (size_t begin = 0; begin < files.size(); begin += kBatch) {
      const std::span batch =
          std::span(files).subspan(begin, std::min(kBatch, files.size() - begin));
      ASSIGN_OR_RETURN(const at::Tensor pixels, Pixels(batch));
      RETURN_IF_ERROR(Guard([&]() -> absl::Status {
        const c10::InferenceMode inference;
        const ElasticModel::State& state = model_.state();
        for (size_t i = 0; i < options_.rungs.size(); ++i) {
          const View& view = state.views[options_.rungs[i]];
          const at::Tensor pooled =
              PoolDefault(state.weights, ViewTokens(state.weights, view, pixels));
          embeddings[i].push_back(pooled.clone());
          if (model_.config().num_classes > 0) {
            classes[i].push_back(Logits(state.weights, pooled).argmax(1));
          }
        }
        return absl::OkStatus();
      }));
      const double done = static_cast<double>(begin + batch.size()) / files.size();
      if (progress && !progress({"images", done}))
        return absl::CancelledError("evaluation was stopped");
    }
    RungOutputs outputs;
    for (size_t i = 0; i < options_.rungs.size(); ++i) {
      outputs.embeddings.push_back(at::cat(embeddings[i]));
      outputs.classes.push_back(classes[i].empty() ? at::Tensor() : at::cat(classes[i]));
    }
    return outputs;
  }

 private:
  absl::StatusOr<at::Tensor> Pixels(std::span<const std::string> files) const {
    const Preprocessing& preprocessing = model_.preprocessing();
    const size_t image_size = 3 * static_cast<size_t>(preprocessing.height) * preprocessing.width;
    at::Tensor pixels = at::empty(
        {static_cast<int64_t>(files.size()), 3, preprocessing.height, preprocessing.width});
    for (size_t i = 0; i < files.size(); ++i) {
      DecodeOptions decode;
      decode.apply_exif_orientation = options_.apply_exif_orientation;
      ASSIGN_OR_RETURN(const Image image, ReadImageFile(files[i], decode));
      RETURN_IF_ERROR(Preprocess(image, preprocessing,
                                 std::span(pixels.data_ptr<float>() + i * image_size, image_size)));
    }
    return pixels;
  }

  const ElasticModel& model_;
  const EvaluationOptions& options_;
};

at::Tensor LongTensor(const std::vector<int>& values) {
  at::Tensor tensor = at::empty({static_cast<int64_t>(values.size())}, at::kLong);
  std::copy(values.begin(), values.end(), tensor.data_ptr<int64_t>());
  return tensor;
}

double MeanOf(const at::Tensor& truths) { return truths.to(at::kDouble).mean().item<double>(); }

// The model's class index of each folder; empty if the folders are not the model's classes.
std::vector<int> ModelClasses(const ElasticModel& model, const std::vector<std::string>& folders) {
  std::map<std::string, int> index;
  for (size_t i = 0; i < model.labels().size(); ++i) index[model.labels()[i]] = static_cast<int>(i);
  std::vector<int> classes;
  for (const std::string& folder : folders) {
    if (const auto it = index.find(folder); it != index.end()) classes.push_back(it->second);
  }
  if (classes.size() == folders.size()) return classes;
  classes.clear();
  if (static_cast<int>(folders.size()) == model.config().num_classes) {
    for (size_t i = 0; i < folders.size(); ++i) classes.push_back(static_cast<int>(i));
  }
  return classes;
}

// Share of rows whose k nearest training rows (cosine), each with one vote, elect the right label;
// a tie goes to the lower label.
double NearestNeighbourAccuracy(const at::Tensor& rows, const at::Tensor& labels,
                                const at::Tensor& train, const at::Tensor& train_labels,
                                int classes, int neighbours) {
  const auto normalised = [](const at::Tensor& x) { return x / x.norm(2, {1}, true); };
  const at::Tensor similarity = at::matmul(normalised(rows), normalised(train).t());
  const int64_t k = std::min<int64_t>(neighbours, train.size(0));
  const at::Tensor nearest = std::get<1>(similarity.topk(k, 1));
  const at::Tensor votes =
      at::zeros({rows.size(0), classes})
          .scatter_add(1, train_labels.index({nearest}), at::ones({rows.size(0), k}));
  return MeanOf(votes.argmax(1) == labels);
}

}  // namespace

absl::StatusOr<LabelledImages> ListClassFolders(const std::string& folder) {
  namespace fs = std::filesystem;
  LabelledImages images;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    if (entry.is_directory()) images.classes.push_back(entry.path().filename().string());
  }
  if (error) {
    return absl::NotFoundError(absl::StrCat("cannot list ", folder, ": ", error.message()));
  }
  std::sort(images.classes.begin(), images.classes.end());
  for (size_t i = 0; i < images.classes.size(); ++i) {
    ASSIGN_OR_RETURN(const std::vector<std::string> files,
                     ListImageFiles(absl::StrCat(folder, "/", images.classes[i])));
    images.files.insert(images.files.end(), files.begin(), files.end());
    images.labels.resize(images.files.size(), static_cast<int>(i));
  }
  if (images.files.empty()) {
    return absl::NotFoundError(absl::StrCat("no images in ", folder,
                                            ": expected one sub-folder a class with image files"));
  }
  return images;
}

absl::StatusOr<Evaluation> Evaluate(const ElasticModel& model, const LabelledImages& images,
                                    const LabelledImages* train, const EvaluationOptions& options,
                                    const ProgressFn& progress) {
  if (train != nullptr && train->classes != images.classes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the training folder has ", train->classes.size(), " classes and the test folder ",
        images.classes.size(), ", expected sub-folders of the same names"));
  }
  // Dense comes last: it is what the others are compared with.
  EvaluationOptions collected = options;
  collected.rungs.push_back(model.ladder().dense());
  const OutputCollector collector(model, collected);
  const size_t all = images.files.size() + (train != nullptr ? train->files.size() : 0);
  const double share = static_cast<double>(images.files.size()) / all;
  const auto part = [&progress](double begin, double end) -> ProgressFn {
    if (!progress) return nullptr;
    return [&progress, begin, end](const ProgressUpdate& update) {
      return progress({update.stage, begin + (end - begin) * update.fraction});
    };
  };
  ASSIGN_OR_RETURN(const RungOutputs outputs, collector.Run(images.files, part(0, share)));
  RungOutputs train_outputs;
  if (train != nullptr) {
    ASSIGN_OR_RETURN(train_outputs, collector.Run(train->files, part(share, 1)));
  }

  return Guard([&]() -> absl::StatusOr<Evaluation> {
    const std::vector<int> model_classes = ModelClasses(model, images.classes);
    const at::Tensor labels = LongTensor(images.labels);
    const at::Tensor& dense = outputs.embeddings.back();
    const at::Tensor mean = dense.mean(0, /*keepdim=*/true);
    Evaluation evaluation;
    evaluation.images = images.files.size();
    for (size_t i = 0; i < options.rungs.size(); ++i) {
      EvaluationRow row;
      row.rung = options.rungs[i];
      row.fidelity = at::cosine_similarity(outputs.embeddings[i] - mean, dense - mean, /*dim=*/1)
                         .mean()
                         .item<double>();
      if (outputs.classes[i].defined()) {
        row.agreement = MeanOf(outputs.classes[i] == outputs.classes.back());
        if (!model_classes.empty()) {
          row.top1 = MeanOf(outputs.classes[i] == LongTensor(model_classes).index({labels}));
        }
      }
      if (train != nullptr) {
        row.knn = NearestNeighbourAccuracy(
            outputs.embeddings[i], labels, train_outputs.embeddings[i], LongTensor(train->labels),
            static_cast<int>(images.classes.size()), options.neighbours);
      }
      evaluation.rows.push_back(row);
    }
    return evaluation;
  });
}

}  // namespace snapvit
