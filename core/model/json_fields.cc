#include "core/model/json_fields.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace snapvit {
namespace {

using Json = nlohmann::json;

constexpr size_t kShownBytes = 80;

std::optional<int64_t> AsInteger(const Json& value) {
  if (value.is_number_unsigned() && value.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX)) {
    return std::nullopt;
  }
  if (!value.is_number_integer()) return std::nullopt;
  return value.get<int64_t>();
}

// NaN cannot be written in JSON, so a range is all that there is to check.
bool InRange(double value, double min, double max) { return value >= min && value <= max; }

}  // namespace

std::string ShownJson(const Json& value) {
  std::string text = value.dump(/*indent=*/-1, ' ', /*ensure_ascii=*/true);
  if (text.size() > kShownBytes) text.replace(kShownBytes, std::string::npos, "…");
  return text;
}

absl::StatusOr<JsonFields> JsonFields::Of(const Json& value, std::string path) {
  if (!value.is_object()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " is ", ShownJson(value), ", expected a JSON object"));
  }
  return JsonFields(value, std::move(path));
}

const Json* JsonFields::Find(const std::string& key) const {
  const auto found = json_->find(key);
  return found == json_->end() || found->is_null() ? nullptr : &*found;
}

absl::Status JsonFields::Unexpected(const std::string& key, const std::string& expected) const {
  const Json* value = Find(key);
  return absl::InvalidArgumentError(absl::StrCat(path_, ": \"", key, "\" is ",
                                                 value ? ShownJson(*value) : "not given",
                                                 ", expected ", expected));
}

absl::StatusOr<std::optional<int64_t>> JsonFields::Integer(const std::string& key, int64_t min,
                                                           int64_t max) const {
  const Json* value = Find(key);
  if (value == nullptr) return std::nullopt;
  const std::optional<int64_t> number = AsInteger(*value);
  if (!number || *number < min || *number > max) {
    return Unexpected(key, absl::StrCat("an integer from ", min, " to ", max));
  }
  return number;
}

absl::StatusOr<std::optional<double>> JsonFields::Number(const std::string& key, double min,
                                                         double max) const {
  const Json* value = Find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number() || !InRange(value->get<double>(), min, max)) {
    return Unexpected(key, absl::StrCat("a number from ", min, " to ", max));
  }
  return value->get<double>();
}

absl::StatusOr<std::optional<bool>> JsonFields::Bool(const std::string& key) const {
  const Json* value = Find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_boolean()) return Unexpected(key, "true or false");
  return value->get<bool>();
}

absl::StatusOr<std::optional<std::string>> JsonFields::String(const std::string& key) const {
  const Json* value = Find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) return Unexpected(key, "a string");
  return value->get<std::string>();
}

absl::StatusOr<std::optional<std::vector<double>>> JsonFields::Numbers(const std::string& key,
                                                                       size_t count, double min,
                                                                       double max) const {
  const Json* value = Find(key);
  if (value == nullptr) return std::nullopt;
  const auto expected = [&] {
    return Unexpected(key, absl::StrCat("an array of ", count, " numbers from ", min, " to ", max));
  };
  if (!value->is_array() || value->size() != count) return expected();
  std::vector<double> numbers;
  for (const Json& item : *value) {
    if (!item.is_number() || !InRange(item.get<double>(), min, max)) return expected();
    numbers.push_back(item.get<double>());
  }
  return numbers;
}

absl::StatusOr<std::optional<std::pair<int, int>>> JsonFields::Size(const std::string& key, int min,
                                                                    int max) const {
  const Json* value = Find(key);
  if (value == nullptr) return std::nullopt;
  const auto extent = [&](const Json& item) -> std::optional<int> {
    const std::optional<int64_t> number = AsInteger(item);
    if (!number || *number < min || *number > max) return std::nullopt;
    return static_cast<int>(*number);
  };
  const bool two = value->is_array() && value->size() == 2;
  const std::optional<int> height = extent(two ? (*value)[0] : *value);
  const std::optional<int> width = extent(two ? (*value)[1] : *value);
  if (!height || !width) {
    return Unexpected(key, absl::StrCat("an integer, or [height, width], from ", min, " to ", max));
  }
  return std::pair(*height, *width);
}

absl::StatusOr<std::optional<JsonFields>> JsonFields::Object(const std::string& key) const {
  const Json* value = Find(key);
  if (value == nullptr) return std::nullopt;
  ASSIGN_OR_RETURN(JsonFields fields, Of(*value, absl::StrCat(path_, ": ", key)));
  return fields;
}

}  // namespace snapvit
