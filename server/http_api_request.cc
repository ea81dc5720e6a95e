#include "server/http_api_request.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/status_macros.h"
#include "core/model/json_document.h"
#include "server/budget_proto.h"
#include "server/duration_proto.h"

namespace snapvit {
namespace {

using Json = nlohmann::json;

// A body of brackets would take many times its size in memory, and long: nothing that we read comes
// near.
constexpr JsonLimits kLimits = {.max_depth = 8, .max_values = 100'000};
constexpr size_t kShownValue = 40;  // bytes of a value in an error message

const std::vector<std::string> kCommonFields = {"model",  "input",   "budget", "floor",
                                                "strict", "timeout", "id",     "user"};

absl::Status Unexpected(const std::string& field, const Json& value, const std::string& expected) {
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > kShownValue) text = text.substr(0, kShownValue) + "...";
  return absl::InvalidArgumentError(absl::StrCat(field, " is ", text, ", expected ", expected));
}

// By value: once it is parsed, nobody needs the text.
absl::StatusOr<Json> ParseObject(std::string body) {
  ASSIGN_OR_RETURN(Json json, ParseJson(body, "the body", kLimits));
  if (json.is_object()) return json;
  return absl::InvalidArgumentError(
      absl::StrCat("the body (", body.size(),
                   " bytes) is not a JSON object, expected {\"input\": "
                   "\"data:image/jpeg;base64,…\", …}"));
}

absl::Status CheckFields(const Json& object, std::vector<std::string> known) {
  known.insert(known.begin(), kCommonFields.begin(), kCommonFields.end());
  for (const auto& [name, value] : object.items()) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("field ", name, " is not known, expected ", absl::StrJoin(known, ", ")));
  }
  return absl::OkStatus();
}

// The value of a field; null if it is absent, as null means the default, too.
const Json& Field(const Json& object, const std::string& name) {
  static const auto* const null = new Json();
  const auto found = object.find(name);
  return found == object.end() ? *null : *found;
}

absl::StatusOr<std::string> ReadText(const Json& object, const std::string& name) {
  const Json& value = Field(object, name);
  if (value.is_null()) return std::string();
  if (!value.is_string()) return Unexpected(name, value, "a string");
  return value.get<std::string>();
}

absl::StatusOr<bool> ReadFlag(const Json& object, const std::string& name) {
  const Json& value = Field(object, name);
  if (value.is_null()) return false;
  if (!value.is_boolean()) return Unexpected(name, value, "true or false");
  return value.get<bool>();
}

absl::StatusOr<uint32_t> ReadCount(const Json& object, const std::string& name) {
  const Json& value = Field(object, name);
  if (value.is_null()) return 0;
  const bool fits = value.is_number_unsigned() && value.get<uint64_t>() >= 1 &&
                    value.get<uint64_t>() <= std::numeric_limits<uint32_t>::max();
  if (!fits) return Unexpected(name, value, "a whole number of at least 1");
  return value.get<uint32_t>();
}

// Position in `choices` of a text; 0, the default, if there is none.
absl::StatusOr<int> ReadChoice(const Json& object, const std::string& name,
                               const std::vector<std::string>& choices) {
  const Json& value = Field(object, name);
  if (value.is_null()) return 0;
  for (size_t i = 0; i < choices.size() && value.is_string(); ++i) {
    if (value.get_ref<const std::string&>() == choices[i]) return static_cast<int>(i);
  }
  return Unexpected(name, value, absl::StrJoin(choices, " or "));
}

// A compute share as a number, or anything that `parse` reads.
template <typename Target>
absl::Status ReadTarget(const Json& object, const std::string& name,
                        absl::StatusOr<Target> (*parse)(std::string_view),
                        std::optional<Target>& target) {
  const Json& value = Field(object, name);
  if (value.is_null()) return absl::OkStatus();
  if (value.is_number()) {
    target = ComputeTarget{value.get<double>()};
    return absl::OkStatus();
  }
  if (!value.is_string()) return Unexpected(name, value, "a number or a string");
  absl::StatusOr<Target> parsed = parse(value.get_ref<const std::string&>());
  if (!parsed.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(name, ": ", parsed.status().message()));
  }
  target = *std::move(parsed);
  return absl::OkStatus();
}

// Nothing if there is none.
absl::StatusOr<std::optional<absl::Duration>> ReadTimeout(const Json& object) {
  const Json& value = Field(object, "timeout");
  if (value.is_null()) return std::nullopt;
  absl::Duration timeout;  // 0: not understood
  if (value.is_number()) timeout = absl::Seconds(value.get<double>());
  if (value.is_string()) absl::ParseDuration(value.get_ref<const std::string&>(), &timeout);
  if (timeout > absl::ZeroDuration() && timeout <= absl::Hours(24)) return timeout;
  return Unexpected("timeout", value, "seconds or a text like \"250ms\", above 0, at most 24 h");
}

// --- Images ---

absl::Status BadImage(const std::string& name, const std::string& what) {
  return absl::InvalidArgumentError(
      absl::StrCat(name, " ", what, ", expected data:image/jpeg;base64,… (or png, webp)"));
}

absl::Status ReadDataUri(const std::string& name, const std::string& uri, v1::Image* image) {
  if (absl::StartsWithIgnoreCase(uri, "http:") || absl::StartsWithIgnoreCase(uri, "https:")) {
    return BadImage(name, "is a remote URL, and this server fetches none");
  }
  if (!absl::StartsWithIgnoreCase(uri, "data:")) return BadImage(name, "is no data URI");
  const size_t comma = uri.find(',');
  if (comma == std::string::npos) return BadImage(name, "is a data URI without a comma");
  if (!absl::EndsWithIgnoreCase(absl::string_view(uri).substr(0, comma), ";base64")) {
    return BadImage(name, "is a data URI that is not base64");
  }
  if (absl::Base64Unescape(absl::string_view(uri).substr(comma + 1), image->mutable_encoded())) {
    return absl::OkStatus();
  }
  return BadImage(name, "has data that are not base64");
}

// A data URI, or an object {"image_url": URI} or {"image_url": {"url": URI}}.
absl::Status ReadImage(const std::string& name, const Json& value, v1::Image* image) {
  if (value.is_string()) return ReadDataUri(name, value.get_ref<const std::string&>(), image);
  if (!value.is_object() || Field(value, "image_url").is_null()) {
    return Unexpected(name, value, "a data URI or {\"image_url\": {\"url\": …}}");
  }
  const Json& link = Field(value, "image_url");
  const std::string inner = name + ".image_url";
  if (link.is_object()) {
    const Json& url = Field(link, "url");
    if (!url.is_string()) return Unexpected(inner + ".url", url, "a data URI");
    return ReadDataUri(inner + ".url", url.get_ref<const std::string&>(), image);
  }
  if (!link.is_string()) return Unexpected(inner, link, "a data URI or {\"url\": …}");
  return ReadDataUri(inner, link.get_ref<const std::string&>(), image);
}

// Takes the images out of `object`: each is there as text or decoded.
absl::Status ReadInput(Json& object, google::protobuf::RepeatedPtrField<v1::Image>* images) {
  const auto found = object.find("input");
  if (found == object.end() || found->is_null()) {
    return absl::InvalidArgumentError("input is missing, expected an image or a list of images");
  }
  Json& input = *found;
  if (!input.is_array()) return ReadImage("input", input, images->Add());
  for (size_t i = 0; i < input.size(); ++i) {
    RETURN_IF_ERROR(ReadImage(absl::StrCat("input[", i, "]"), input[i], images->Add()));
    input[i] = nullptr;
  }
  return absl::OkStatus();
}

// What both requests have.
template <typename Request>
absl::Status ReadCommon(Json& object, Request& request) {
  ASSIGN_OR_RETURN(*request.mutable_model(), ReadText(object, "model"));
  ASSIGN_OR_RETURN(*request.mutable_id(), ReadText(object, "id"));
  Budget budget;
  RETURN_IF_ERROR(ReadTarget(object, "budget", &ParseBudgetTarget, budget.target));
  RETURN_IF_ERROR(ReadTarget(object, "floor", &ParseFloor, budget.floor));
  ASSIGN_OR_RETURN(budget.strict, ReadFlag(object, "strict"));
  *request.mutable_budget() = WriteBudget(budget);
  ASSIGN_OR_RETURN(const std::optional<absl::Duration> timeout, ReadTimeout(object));
  if (timeout.has_value()) SetDuration(*timeout, request.mutable_timeout());
  return ReadInput(object, request.mutable_images());
}

}  // namespace

absl::StatusOr<EmbeddingsCall> ReadEmbeddingsCall(std::string body) {
  ASSIGN_OR_RETURN(Json object, ParseObject(std::move(body)));
  RETURN_IF_ERROR(CheckFields(object, {"encoding_format", "dimensions", "normalize", "pooling"}));
  EmbeddingsCall call;
  RETURN_IF_ERROR(ReadCommon(object, call.request));
  ASSIGN_OR_RETURN(const int format, ReadChoice(object, "encoding_format", {"float", "base64"}));
  call.base64 = format == 1;
  v1::Output& output = *call.request.mutable_output();
  ASSIGN_OR_RETURN(const uint32_t dimensions, ReadCount(object, "dimensions"));
  output.set_dimensions(dimensions);
  ASSIGN_OR_RETURN(const bool normalize, ReadFlag(object, "normalize"));
  output.set_normalize(normalize);
  ASSIGN_OR_RETURN(const int pooling,
                   ReadChoice(object, "pooling", {"default", "cls", "mean", "projected"}));
  constexpr v1::Pooling kPoolings[] = {v1::POOLING_DEFAULT, v1::POOLING_CLS, v1::POOLING_MEAN,
                                       v1::POOLING_PROJECTED};
  output.set_pooling(kPoolings[pooling]);
  return call;
}

absl::StatusOr<ClassifyCall> ReadClassifyCall(std::string body) {
  ASSIGN_OR_RETURN(Json object, ParseObject(std::move(body)));
  RETURN_IF_ERROR(CheckFields(object, {"top_k", "activation"}));
  ClassifyCall call;
  RETURN_IF_ERROR(ReadCommon(object, call.request));
  ASSIGN_OR_RETURN(const uint32_t top_k, ReadCount(object, "top_k"));
  call.request.set_top_k(top_k);
  ASSIGN_OR_RETURN(const int activation,
                   ReadChoice(object, "activation", {"softmax", "sigmoid", "none"}));
  constexpr v1::Activation kActivations[] = {v1::ACTIVATION_SOFTMAX, v1::ACTIVATION_SIGMOID,
                                             v1::ACTIVATION_NONE};
  call.request.set_activation(kActivations[activation]);
  return call;
}

}  // namespace snapvit
