// Evaluation: what each budget is worth on labelled images: top-1, k-NN, fidelity, agreement and
// shared neighbours with the dense model.
#ifndef SNAPVIT_CORE_SNAPVIT_EVALUATION_H_
#define SNAPVIT_CORE_SNAPVIT_EVALUATION_H_

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/progress.h"
#include "core/elastic/elastic_model.h"

namespace snapvit {

// Files of a folder with one sub-folder a class; classes sorted by name, files by path.
struct LabelledImages {
  std::vector<std::string> classes;
  std::vector<std::string> files;
  std::vector<int> labels;  // index into `classes`, one per file
};

// NOT_FOUND, naming the folder, if there are no sub-folders with images.
absl::StatusOr<LabelledImages> ListClassFolders(const std::string& folder);

// A model under one ordering, and the rungs of its ladder to evaluate.
struct EvaluationSubject {
  std::shared_ptr<const ElasticModel> model;
  std::vector<int> rungs;
};

struct EvaluationOptions {
  int neighbours = 20;  // k of the k-NN vote
  bool apply_exif_orientation = true;
};

struct EvaluationRow {
  size_t subject = 0;  // index
  int rung = 0;
  // Share of images whose best class is right; needs a classifier that knows the classes.
  std::optional<double> top1;
  // Share whose k nearest training images (cosine, uniform vote) say so; needs `train`.
  std::optional<double> knn;
  // Mean cosine to the dense embeddings, both less the dense mean over these images.
  double fidelity = 0;
  // Share whose best class is the dense model's; needs a classifier.
  std::optional<double> agreement;
  // Neighbour overlap@10 with the dense model among these images (NeighbourOverlap).
  std::optional<double> overlap;
};

struct Evaluation {
  size_t images = 0;
  std::vector<EvaluationRow> rows;  // subject by subject, as their rungs
};

// The subjects are one model under several orderings: all are compared with the dense rung of the
// first, which is computed once, and images are decoded once. Memory: the subjects' weights, and an
// embedding an image and row. REQUIRES: at least one subject, all with the same weights.
//
// Classes are matched to the model's labels by name; if no folder has a label's name and there are
// as many folders as classes, by position; else there is no top-1. `train` may be null. An image
// that cannot be decoded is an error that names it. CANCELLED if `progress` asks to stop. REQUIRES:
// the calling thread may use ATen.
absl::StatusOr<Evaluation> Evaluate(std::span<const EvaluationSubject> subjects,
                                    const LabelledImages& images, const LabelledImages* train,
                                    const EvaluationOptions& options, const ProgressFn& progress);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SNAPVIT_EVALUATION_H_
