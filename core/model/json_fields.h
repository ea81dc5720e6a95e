// JsonFields: typed, range-checked access to the fields of one JSON object, with errors that name
// the file, the field's full path, the value found and what was expected. A field that is absent or
// null is "not given".
#ifndef SNAPVIT_CORE_MODEL_JSON_FIELDS_H_
#define SNAPVIT_CORE_MODEL_JSON_FIELDS_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace snapvit {

// A borrowed view of an object: the document must outlive it. All errors are INVALID_ARGUMENT.
class JsonFields {
 public:
  // `path` is where the object is, for messages: "dir/config.json" or "dir/config.json:
  // model_args".
  static absl::StatusOr<JsonFields> Of(const nlohmann::json& value, std::string path);

  const std::string& path() const { return path_; }
  const nlohmann::json& json() const { return *json_; }
  // Whether the field is there and not null.
  bool Has(const std::string& key) const { return Find(key) != nullptr; }

  absl::StatusOr<std::optional<int64_t>> Integer(const std::string& key, int64_t min,
                                                 int64_t max) const;
  absl::StatusOr<std::optional<double>> Number(const std::string& key, double min,
                                               double max) const;
  absl::StatusOr<std::optional<bool>> Bool(const std::string& key) const;
  absl::StatusOr<std::optional<std::string>> String(const std::string& key) const;
  // An array of exactly `count` numbers.
  absl::StatusOr<std::optional<std::vector<double>>> Numbers(const std::string& key, size_t count,
                                                             double min, double max) const;
  // {height, width}: an array of two integers, or one integer for a square.
  absl::StatusOr<std::optional<std::pair<int, int>>> Size(const std::string& key, int min,
                                                          int max) const;
  // A nested object; nothing if it is not given.
  absl::StatusOr<std::optional<JsonFields>> Object(const std::string& key) const;

  // The error that a field's value is not what is expected here, as "path.key is 7, expected …".
  absl::Status Unexpected(const std::string& key, const std::string& expected) const;

 private:
  JsonFields(const nlohmann::json& value, std::string path)
      : json_(&value), path_(std::move(path)) {}

  const nlohmann::json* Find(const std::string& key) const;

  const nlohmann::json* json_;
  std::string path_;
};

// The value as a message can show it: JSON text, shortened.
std::string ShownJson(const nlohmann::json& value);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_MODEL_JSON_FIELDS_H_
