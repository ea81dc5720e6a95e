#include "server/infer_parameters.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace snapvit {
namespace {

using inference::InferParameter;

// Of clients' own accord, in any type (a priority comes as uint64 or as int64); without a meaning
// here.
constexpr std::string_view kIgnored[] = {"binary_data_output", "priority", "sequence_end",
                                         "sequence_id", "sequence_start"};
constexpr char kTritonPrefix[] = "triton_";

bool IsIgnored(const std::string& name) {
  return absl::StartsWith(name, kTritonPrefix) ||
         std::find(std::begin(kIgnored), std::end(kIgnored), name) != std::end(kIgnored);
}

absl::Status WrongType(const std::string& name, const char* expected) {
  return absl::InvalidArgumentError(
      absl::StrCat("parameter ", name, " has another type, expected ", expected));
}

absl::Status InParameter(const std::string& name, const absl::Status& status) {
  return {status.code(), absl::StrCat("parameter ", name, ": ", status.message())};
}

std::optional<double> Number(const InferParameter& parameter) {
  switch (parameter.parameter_choice_case()) {
    case InferParameter::kDoubleParam:
      return parameter.double_param();
    case InferParameter::kInt64Param:
      return static_cast<double>(parameter.int64_param());
    case InferParameter::kUint64Param:
      return static_cast<double>(parameter.uint64_param());
    default:
      return std::nullopt;
  }
}

// A compute share as a number, or anything that `parse` reads.
template <typename Target>
absl::StatusOr<Target> ReadTarget(const std::string& name, const InferParameter& parameter,
                                  absl::StatusOr<Target> (*parse)(std::string_view)) {
  absl::StatusOr<Target> target;
  if (const std::optional<double> share = Number(parameter)) {
    target = ComputeTarget{*share};
    if (const absl::Status valid = ValidateTarget(ComputeTarget{*share}); !valid.ok()) {
      target = valid;
    }
  } else if (parameter.parameter_choice_case() == InferParameter::kStringParam) {
    target = parse(parameter.string_param());
  } else {
    return WrongType(name, "a number or a string");
  }
  if (!target.ok()) return InParameter(name, target.status());
  return target;
}

absl::StatusOr<absl::Duration> ReadTimeout(const std::string& name,
                                           const InferParameter& parameter) {
  const bool integer = parameter.parameter_choice_case() == InferParameter::kInt64Param;
  if (!integer) return WrongType(name, "int64, microseconds");
  if (parameter.int64_param() < 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "parameter ", name, " is ", parameter.int64_param(), " microseconds, expected at least 1"));
  }
  return absl::Microseconds(parameter.int64_param());
}

absl::Status ReadParameter(const std::string& name, const InferParameter& parameter,
                           RequestTerms& terms) {
  if (name == "budget") {
    ASSIGN_OR_RETURN(terms.budget.target, ReadTarget(name, parameter, &ParseBudgetTarget));
  } else if (name == "floor") {
    ASSIGN_OR_RETURN(terms.budget.floor, ReadTarget(name, parameter, &ParseFloor));
  } else if (name == "strict") {
    const bool boolean = parameter.parameter_choice_case() == InferParameter::kBoolParam;
    if (!boolean) return WrongType(name, "bool");
    terms.budget.strict = parameter.bool_param();
  } else if (name == "timeout") {
    ASSIGN_OR_RETURN(terms.timeout, ReadTimeout(name, parameter));
  } else if (!IsIgnored(name)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "parameter ", name, " is not known, expected budget, floor, strict or timeout"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ReadInferParameters(const InferParameters& parameters, RequestTerms& terms) {
  for (const auto& [name, parameter] : parameters) {
    RETURN_IF_ERROR(ReadParameter(name, parameter, terms));
  }
  return absl::OkStatus();
}

}  // namespace snapvit
