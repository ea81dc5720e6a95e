// The names of classes in a Hugging Face config.json.
#ifndef SNAPVIT_CORE_MODEL_HF_LABELS_H_
#define SNAPVIT_CORE_MODEL_HF_LABELS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/model/json_fields.h"

namespace snapvit {

// id2label, {"0": name, …}, by class index: `classes` names, or none if there is no id2label, or
// only the "LABEL_0" that transformers makes up. INVALID_ARGUMENT if it does not name each class
// once.
absl::StatusOr<std::vector<std::string>> ReadHfLabels(const JsonFields& root, int classes);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_MODEL_HF_LABELS_H_
