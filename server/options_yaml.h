// The YAML form of the options: one mapping from option names to plain values.
#ifndef SNAPVIT_SERVER_OPTIONS_YAML_H_
#define SNAPVIT_SERVER_OPTIONS_YAML_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace snapvit {

struct YamlEntry {
  std::string key;
  std::string value;
  int line = 0;  // of the key, from 1
};

// Entries of `content`, in their order; an empty document has none. INVALID_ARGUMENT "path:line: …"
// if it is not YAML, not one mapping, if a value is no plain value or a key is given twice.
absl::StatusOr<std::vector<YamlEntry>> ParseOptionsYaml(const std::string& content,
                                                        const std::string& path);

// `text` as a YAML scalar, quoted if it must be.
std::string YamlScalar(const std::string& text);

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_OPTIONS_YAML_H_
