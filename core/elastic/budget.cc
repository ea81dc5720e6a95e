#include "core/elastic/budget.h"

#include <charconv>
#include <cmath>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "core/base/status_macros.h"

namespace snapvit {
namespace {

constexpr char kForms[] =
    "expected compute (0.5 or 50%), 4.2gflops, 15ms, fidelity:0.95, sparsity:0.3 or "
    "mlp:.25/heads:.1";

template <typename... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};
template <typename... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

absl::Status OutOfRange(const char* what, double value, const char* expected) {
  return absl::InvalidArgumentError(absl::StrCat(what, " is ", value, ", expected ", expected));
}

// Every comparison below is written so that NaN fails it.
absl::Status CheckCompute(const char* what, double share) {
  return share > 0 && share <= 1
             ? absl::OkStatus()
             : OutOfRange(what, share, "a share of the dense model's FLOPs in (0, 1]");
}

absl::Status CheckFidelity(const char* what, double fidelity) {
  return fidelity > 0 && fidelity <= 1 ? absl::OkStatus()
                                       : OutOfRange(what, fidelity, "a value in (0, 1]");
}

absl::Status CheckRemovedShare(const char* what, double share) {
  return share >= 0 && share < 1 ? absl::OkStatus()
                                 : OutOfRange(what, share, "the share to remove, in [0, 1)");
}

absl::Status NotABudget(absl::string_view text) {
  return absl::InvalidArgumentError(
      absl::StrCat("budget '", text, "' is not understood: ", kForms));
}

bool ParseNumber(absl::string_view text, double* value) {
  return !text.empty() && absl::SimpleAtod(text, value);
}

absl::StatusOr<BudgetTarget> ParseRatios(absl::string_view text) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '/');
  RatiosTarget ratios;
  if (parts.size() != 2 || !absl::StartsWith(parts[0], "mlp:") ||
      !absl::StartsWith(parts[1], "heads:") || !ParseNumber(parts[0].substr(4), &ratios.mlp) ||
      !ParseNumber(parts[1].substr(6), &ratios.heads)) {
    return NotABudget(text);
  }
  return ratios;
}

// The target without the range check.
absl::StatusOr<BudgetTarget> ParseUnchecked(absl::string_view text) {
  double value = 0;
  absl::string_view rest = text;
  if (absl::StartsWith(text, "mlp:")) return ParseRatios(text);
  if (absl::ConsumePrefix(&rest, "fidelity:")) {
    if (!ParseNumber(rest, &value)) return NotABudget(text);
    return FidelityTarget{value};
  }
  if (absl::ConsumePrefix(&rest, "sparsity:")) {
    if (!ParseNumber(rest, &value)) return NotABudget(text);
    return SparsityTarget{value};
  }
  if (absl::ConsumeSuffix(&rest, "gflops")) {
    if (!ParseNumber(rest, &value)) return NotABudget(text);
    return GflopsTarget{value};
  }
  if (absl::ConsumeSuffix(&rest, "%")) {
    if (!ParseNumber(rest, &value)) return NotABudget(text);
    return ComputeTarget{value / 100};
  }
  if (ParseNumber(rest, &value)) return ComputeTarget{value};
  absl::Duration duration;
  if (absl::ParseDuration(rest, &duration)) return LatencyTarget{duration};
  return NotABudget(text);
}

// Shortest text that reads back as the same number.
std::string Number(double value) {
  char buffer[32];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof(buffer), value);
  return std::string(buffer, end);
}

}  // namespace

absl::Status ValidateTarget(const BudgetTarget& target) {
  return std::visit(
      Overloaded{
          [](const ComputeTarget& t) { return CheckCompute("budget compute", t.share); },
          [](const SparsityTarget& t) { return CheckRemovedShare("budget sparsity", t.share); },
          [](const GflopsTarget& t) {
            return t.gflops > 0 && std::isfinite(t.gflops)
                       ? absl::OkStatus()
                       : OutOfRange("budget gflops", t.gflops, "a positive number per image");
          },
          [](const LatencyTarget& t) {
            return t.duration > absl::ZeroDuration() && t.duration < absl::InfiniteDuration()
                       ? absl::OkStatus()
                       : absl::InvalidArgumentError(absl::StrCat("budget latency is ",
                                                                 absl::FormatDuration(t.duration),
                                                                 ", expected a positive duration"));
          },
          [](const FidelityTarget& t) { return CheckFidelity("budget fidelity", t.fidelity); },
          [](const RatiosTarget& t) {
            absl::Status mlp = CheckRemovedShare("budget mlp ratio", t.mlp);
            return mlp.ok() ? CheckRemovedShare("budget head ratio", t.heads) : mlp;
          },
      },
      target);
}

absl::Status ValidateFloor(const FloorTarget& floor) {
  return std::visit(
      Overloaded{
          [](const ComputeTarget& t) { return CheckCompute("floor compute", t.share); },
          [](const FidelityTarget& t) { return CheckFidelity("floor fidelity", t.fidelity); },
      },
      floor);
}

absl::StatusOr<BudgetTarget> ParseBudgetTarget(std::string_view text) {
  ASSIGN_OR_RETURN(const BudgetTarget target,
                   ParseUnchecked(absl::string_view(text.data(), text.size())));
  RETURN_IF_ERROR(ValidateTarget(target));
  return target;
}

absl::StatusOr<std::vector<BudgetTarget>> ParseBudgetTargets(std::string_view text) {
  std::vector<BudgetTarget> targets;
  for (const absl::string_view part :
       absl::StrSplit(absl::string_view(text.data(), text.size()), ',')) {
    ASSIGN_OR_RETURN(const BudgetTarget target,
                     ParseBudgetTarget(std::string_view(part.data(), part.size())));
    targets.push_back(target);
  }
  return targets;
}

absl::StatusOr<FloorTarget> ParseFloor(std::string_view text) {
  ASSIGN_OR_RETURN(const BudgetTarget target, ParseBudgetTarget(text));
  if (const auto* compute = std::get_if<ComputeTarget>(&target)) return *compute;
  if (const auto* fidelity = std::get_if<FidelityTarget>(&target)) return *fidelity;
  return absl::InvalidArgumentError(
      absl::StrCat("floor '", std::string(text),
                   "' is not understood: expected compute (0.4, 40%) or fidelity:0.8"));
}

std::string FormatBudgetTarget(const BudgetTarget& target) {
  return std::visit(Overloaded{
                        [](const ComputeTarget& t) { return Number(t.share); },
                        [](const SparsityTarget& t) { return "sparsity:" + Number(t.share); },
                        [](const GflopsTarget& t) { return Number(t.gflops) + "gflops"; },
                        [](const LatencyTarget& t) { return absl::FormatDuration(t.duration); },
                        [](const FidelityTarget& t) { return "fidelity:" + Number(t.fidelity); },
                        [](const RatiosTarget& t) {
                          return "mlp:" + Number(t.mlp) + "/heads:" + Number(t.heads);
                        },
                    },
                    target);
}

}  // namespace snapvit
