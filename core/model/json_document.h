// ParseJson: JSON from outside (config.json, safetensors headers, bodies of requests) with the
// checks that the library's own parse() leaves out: nesting depth, duplicate keys, and errors as a
// Status that names file and position.
#ifndef SNAPVIT_CORE_MODEL_JSON_DOCUMENT_H_
#define SNAPVIT_CORE_MODEL_JSON_DOCUMENT_H_

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace snapvit {

struct JsonLimits {
  int max_depth = 32;            // nested objects and arrays
  size_t max_values = SIZE_MAX;  // of any kind, in all
};

// The document in `text`. INVALID_ARGUMENT, starting with `source` (a path), if it is not JSON
// (with line and column), is beyond a limit, or names a key of one object twice. Stops there: what
// is beyond costs neither time nor memory.
absl::StatusOr<nlohmann::json> ParseJson(std::string_view text, const std::string& source,
                                         JsonLimits limits = {});

}  // namespace snapvit

#endif  // SNAPVIT_CORE_MODEL_JSON_DOCUMENT_H_
