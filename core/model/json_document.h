// ParseJson: JSON from outside (config.json, safetensors headers) with the checks that the
// library's own parse() leaves out: nesting depth, duplicate keys, and errors as a Status that
// names file and position.
#ifndef SNAPVIT_CORE_MODEL_JSON_DOCUMENT_H_
#define SNAPVIT_CORE_MODEL_JSON_DOCUMENT_H_

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace snapvit {

struct JsonLimits {
  int max_depth = 32;  // nested objects and arrays
};

// The document in `text`. INVALID_ARGUMENT, starting with `source` (a path), if it is not JSON
// (with line and column), nests deeper than the limit, or names a key of one object twice.
absl::StatusOr<nlohmann::json> ParseJson(std::string_view text, const std::string& source,
                                         JsonLimits limits = {});

}  // namespace snapvit

#endif  // SNAPVIT_CORE_MODEL_JSON_DOCUMENT_H_
