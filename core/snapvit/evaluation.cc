#include "core/snapvit/evaluation.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <numeric>
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
#include "core/snapvit/neighbour_overlap.h"

namespace snapvit {
namespace {

constexpr size_t kBatch = 32;
// Rows of the similarity matrix that are in memory at a time; each is as long as the training set.
constexpr int64_t kSimilarityRows = 1024;

// One network to run.
struct SubjectRung {
  size_t subject = 0;
  int rung = 0;
  auto operator<=>(const SubjectRung&) const = default;
};

// Each network to compute once. The dense one, with which the others are compared, is the last; it
// stands for the dense rungs of all subjects.
class RungSet {
 public:
  explicit RungSet(std::span<const EvaluationSubject> subjects) : subjects_(subjects) {
    const SubjectRung dense{0, Dense(0)};
    for (size_t subject = 0; subject < subjects.size(); ++subject) {
      for (const int rung : subjects[subject].rungs) {
        if (rung != Dense(subject)) rungs_.push_back({subject, rung});
      }
    }
    std::sort(rungs_.begin(), rungs_.end());
    rungs_.erase(std::unique(rungs_.begin(), rungs_.end()), rungs_.end());
    rungs_.push_back(dense);
  }

  size_t size() const { return rungs_.size(); }
  const ElasticModel& model(size_t i) const { return *subjects_[rungs_[i].subject].model; }
  int rung(size_t i) const { return rungs_[i].rung; }

  // Where a row's network is.
  size_t Find(size_t subject, int rung) const {
    if (rung == Dense(subject)) return size() - 1;
    return std::lower_bound(rungs_.begin(), rungs_.end() - 1, SubjectRung{subject, rung}) -
           rungs_.begin();
  }

 private:
  int Dense(size_t subject) const { return subjects_[subject].model->ladder().dense(); }

  const std::span<const EvaluationSubject> subjects_;
  std::vector<SubjectRung> rungs_;
};

// What the networks say about a set of images, for each: embeddings [images, D] and classes
// [images].
struct RungOutputs {
  std::vector<at::Tensor> embeddings;
  std::vector<at::Tensor> classes;  // of undefined tensors without a classifier
};

// Methods throw c10::Error like ATen itself.
class OutputCollector {
 public:
  OutputCollector(const ElasticModel& model, const RungSet& rungs, bool apply_exif)
      : model_(model), rungs_(rungs), apply_exif_(apply_exif) {}

  absl::StatusOr<RungOutputs> Run(const std::vector<std::string>& files,
                                  const ProgressFn& progress) const {
    PerRung embeddings(rungs_.size());
    PerRung classes(rungs_.size());
    for (size_t begin = 0; begin < files.size(); begin += kBatch) {
      const std::span batch =
          std::span(files).subspan(begin, std::min(kBatch, files.size() - begin));
      ASSIGN_OR_RETURN(const at::Tensor pixels, Pixels(batch));
      AddBatch(pixels, embeddings, classes);
      const double done = static_cast<double>(begin + batch.size()) / files.size();
      if (progress && !progress({"images", done})) {
        return absl::CancelledError("evaluation was stopped");
      }
    }
    RungOutputs outputs;
    for (size_t i = 0; i < rungs_.size(); ++i) {
      outputs.embeddings.push_back(at::cat(embeddings[i]));
      outputs.classes.push_back(classes[i].empty() ? at::Tensor() : at::cat(classes[i]));
    }
    return outputs;
  }

 private:
  using PerRung = std::vector<std::vector<at::Tensor>>;

  void AddBatch(const at::Tensor& pixels, PerRung& embeddings, PerRung& classes) const {
    for (size_t i = 0; i < rungs_.size(); ++i) {
      const ElasticModel& model = rungs_.model(i);
      const PermutedWeights& weights = model.state().weights;
      const at::Tensor tokens =
          RungTokens(model, rungs_.rung(i), pixels, TokensOfEmbedding(model.config()));
      const at::Tensor pooled = PoolDefault(weights, tokens);
      embeddings[i].push_back(pooled.cpu().clone());
      if (model_.config().num_classes > 0) {
        classes[i].push_back(Logits(weights, tokens, pooled).argmax(1).cpu());
      }
    }
  }

  absl::StatusOr<at::Tensor> Pixels(std::span<const std::string> files) const {
    const Preprocessing& preprocessing = model_.preprocessing();
    const size_t image_size = 3 * static_cast<size_t>(preprocessing.height) * preprocessing.width;
    at::Tensor pixels = at::empty(
        {static_cast<int64_t>(files.size()), 3, preprocessing.height, preprocessing.width});
    for (size_t i = 0; i < files.size(); ++i) {
      DecodeOptions decode;
      decode.apply_exif_orientation = apply_exif_;
      ASSIGN_OR_RETURN(const Image image, ReadImageFile(files[i], decode));
      RETURN_IF_ERROR(Preprocess(image, preprocessing,
                                 std::span(pixels.data_ptr<float>() + i * image_size, image_size)));
    }
    return pixels;
  }

  const ElasticModel& model_;
  const RungSet& rungs_;
  const bool apply_exif_;
};

at::Tensor LongTensor(const std::vector<int>& values) {
  at::Tensor tensor = at::empty({static_cast<int64_t>(values.size())}, at::kLong);
  std::copy(values.begin(), values.end(), tensor.data_ptr<int64_t>());
  return tensor;
}

double MeanOf(const at::Tensor& truths) { return truths.to(at::kDouble).mean().item<double>(); }

// The model's class index of each folder: by name if every folder has one, by position if none has;
// empty if the folders are not the model's classes.
std::vector<int> ModelClasses(const ElasticModel& model, const std::vector<std::string>& folders) {
  std::map<std::string, int> index;
  for (size_t i = 0; i < model.labels().size(); ++i) index[model.labels()[i]] = static_cast<int>(i);
  std::vector<int> classes;
  for (const std::string& folder : folders) {
    if (const auto it = index.find(folder); it != index.end()) classes.push_back(it->second);
  }
  if (classes.size() == folders.size()) return classes;
  if (!classes.empty() || static_cast<int>(folders.size()) != model.config().num_classes) return {};
  classes.resize(folders.size());
  std::iota(classes.begin(), classes.end(), 0);
  return classes;
}

// Share of rows whose k nearest training rows (cosine), each with one vote, elect the right label;
// a tie goes to the lower label.
double NearestNeighbourAccuracy(const at::Tensor& rows, const at::Tensor& labels,
                                const at::Tensor& train, const at::Tensor& train_labels,
                                int classes, int neighbours) {
  const auto normalised = [](const at::Tensor& x) { return x / x.norm(2, {1}, true); };
  const at::Tensor train_columns = normalised(train).t();
  const int64_t k = std::min<int64_t>(neighbours, train.size(0));
  std::vector<at::Tensor> elected;
  for (const at::Tensor& some : normalised(rows).split(kSimilarityRows)) {
    const at::Tensor nearest = std::get<1>(at::matmul(some, train_columns).topk(k, 1));
    const at::Tensor votes =
        at::zeros({some.size(0), classes})
            .scatter_add(1, train_labels.index({nearest}), at::ones({some.size(0), k}));
    elected.push_back(votes.argmax(1));
  }
  return MeanOf(at::cat(elected) == labels);
}

// Everything that the rows are made from.
struct Outputs {
  RungOutputs test;
  at::Tensor labels;  // [images] folder index
  at::Tensor
      model_classes;  // [folders] class index of the model; undefined if they are not its own
  int folders = 0;
  std::optional<RungOutputs> train;
  at::Tensor train_labels;  // [training images] folder index
};

// Row of the i-th computed network; the last one is dense.
EvaluationRow MakeRow(const Outputs& outputs, const NeighbourOverlap& overlap, size_t i,
                      int neighbours) {
  const at::Tensor& embeddings = outputs.test.embeddings[i];
  const at::Tensor& dense = outputs.test.embeddings.back();
  const at::Tensor mean = dense.mean(0, /*keepdim=*/true);
  EvaluationRow row;
  row.fidelity = at::cosine_similarity(embeddings - mean, dense - mean, /*dim=*/1)
                     .to(at::kDouble)
                     .mean()
                     .item<double>();
  row.overlap = overlap.Of(embeddings);
  const at::Tensor& classes = outputs.test.classes[i];
  if (classes.defined()) {
    row.agreement = MeanOf(classes == outputs.test.classes.back());
    if (outputs.model_classes.defined()) {
      row.top1 = MeanOf(classes == outputs.model_classes.index({outputs.labels}));
    }
  }
  if (outputs.train.has_value()) {
    row.knn = NearestNeighbourAccuracy(embeddings, outputs.labels, outputs.train->embeddings[i],
                                       outputs.train_labels, outputs.folders, neighbours);
  }
  return row;
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

absl::StatusOr<Evaluation> Evaluate(std::span<const EvaluationSubject> subjects,
                                    const LabelledImages& images, const LabelledImages* train,
                                    const EvaluationOptions& options, const ProgressFn& progress) {
  if (train != nullptr && train->classes != images.classes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the training folder has ", train->classes.size(), " classes and the test folder ",
        images.classes.size(), ", expected sub-folders of the same names"));
  }
  const ElasticModel& model = *subjects.front().model;
  const RungSet rungs(subjects);
  const OutputCollector collector(model, rungs, options.apply_exif_orientation);
  const size_t all = images.files.size() + (train != nullptr ? train->files.size() : 0);
  const double share = static_cast<double>(images.files.size()) / all;
  return Guard([&]() -> absl::StatusOr<Evaluation> {
    const c10::InferenceMode inference;
    ASSIGN_OR_RETURN(const RungOutputs test,
                     collector.Run(images.files, PartOf(progress, 0, share)));
    Outputs outputs{test, LongTensor(images.labels)};
    outputs.folders = static_cast<int>(images.classes.size());
    const std::vector<int> model_classes = ModelClasses(model, images.classes);
    if (!model_classes.empty()) outputs.model_classes = LongTensor(model_classes);
    if (train != nullptr) {
      ASSIGN_OR_RETURN(outputs.train, collector.Run(train->files, PartOf(progress, share, 1)));
      outputs.train_labels = LongTensor(train->labels);
    }
    Evaluation evaluation;
    evaluation.images = images.files.size();
    const NeighbourOverlap overlap(outputs.test.embeddings.back());
    std::vector<EvaluationRow> computed;
    for (size_t i = 0; i < rungs.size(); ++i) {
      computed.push_back(MakeRow(outputs, overlap, i, options.neighbours));
    }
    for (size_t subject = 0; subject < subjects.size(); ++subject) {
      for (const int rung : subjects[subject].rungs) {
        EvaluationRow& row = evaluation.rows.emplace_back(computed[rungs.Find(subject, rung)]);
        row.subject = subject;
        row.rung = rung;
      }
    }
    return evaluation;
  });
}

}  // namespace snapvit
