// From logits to the best classes.
#ifndef SNAPVIT_SERVER_CLASS_SCORES_H_
#define SNAPVIT_SERVER_CLASS_SCORES_H_

#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/served_model.h"
#include "snapvit/v1/inference.pb.h"

namespace snapvit {

struct ClassOptions {
  int top_k = 5;  // 1 … number of classes
  v1::Activation activation = v1::ACTIVATION_SOFTMAX;
};

// FAILED_PRECONDITION unless the model has a classifier.
absl::Status CheckClassifier(const ServedModel& model);

// FAILED_PRECONDITION: the model has no classifier. INVALID_ARGUMENT: an unknown activation. A
// top_k of 0 means 5; more than the model has means all.
absl::StatusOr<ClassOptions> ReadClassOptions(const v1::ClassifyRequest& request,
                                              const ServedModel& model);

// The score of every class, by index. All activations keep the order of the logits.
std::vector<float> ClassScores(std::span<const float> logits, v1::Activation activation);

// The options.top_k best classes, by falling score, equal ones by rising index. `names` by index,
// or empty.
void BestClasses(std::span<const float> logits, const ClassOptions& options,
                 const std::vector<std::string>& names, v1::Labels* labels);

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_CLASS_SCORES_H_
