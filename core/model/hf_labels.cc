#include "core/model/hf_labels.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace snapvit {

absl::StatusOr<std::vector<std::string>> ReadHfLabels(const JsonFields& root, int classes) {
  ASSIGN_OR_RETURN(const std::optional<JsonFields> names, root.Object("id2label"));
  if (!names || classes == 0) return std::vector<std::string>();
  const std::string expected =
      absl::StrCat("names of the classes 0 to ", classes - 1, ", the rows of the classifier");
  if (names->json().size() != static_cast<size_t>(classes)) {
    return root.Unexpected("id2label", expected);
  }
  std::vector<std::string> labels(classes);
  bool placeholders = true;
  for (const auto& item : names->json().items()) {
    uint32_t index = 0;
    if (!absl::SimpleAtoi(item.key(), &index) || index >= labels.size() ||
        !item.value().is_string()) {
      return root.Unexpected("id2label", expected);
    }
    labels[index] = item.value().get<std::string>();
    placeholders = placeholders && labels[index] == absl::StrCat("LABEL_", index);
  }
  if (placeholders) return std::vector<std::string>();
  return labels;
}

}  // namespace snapvit
