#include "core/elastic/ordering.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "core/base/sha256.h"
#include "core/base/status_macros.h"

namespace snapvit {
namespace {

absl::Status CheckScores(const char* name, const std::vector<float>& scores, size_t expected) {
  if (scores.size() != expected) {
    return absl::InvalidArgumentError(absl::StrCat(
        name, " has ", scores.size(), " values, expected ", expected, " (blocks × units)"));
  }
  for (size_t i = 0; i < scores.size(); ++i) {
    if (!std::isfinite(scores[i])) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, " value ", i, " is ", scores[i], ", expected a finite number"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckKeepShare(const char* name, double share) {
  if (share >= 0 && share <= 1) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(name, " is ", share, ", expected [0, 1]"));
}

absl::Status CheckPath(const Ordering& ordering) {
  std::vector<int> keep(2 * static_cast<size_t>(ordering.blocks), ordering.hidden);
  std::fill(keep.begin() + ordering.blocks, keep.end(), ordering.heads);
  for (size_t i = 0; i < ordering.path.size(); ++i) {
    const auto [structure, count] = ordering.path[i];
    if (structure < 0 || static_cast<size_t>(structure) >= keep.size()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "path step ", i, " names structure ", structure, ", expected 0 to ", keep.size() - 1));
    }
    if (count < 0 || count >= keep[structure]) {
      return absl::InvalidArgumentError(
          absl::StrCat("path step ", i, " keeps ", count, " units of structure ", structure,
                       ", expected fewer than the ", keep[structure], " before it"));
    }
    keep[structure] = count;
  }
  return absl::OkStatus();
}

absl::Status CheckCurve(const FidelityCurve& curve) {
  const size_t points = curve.compute.size();
  if (curve.fidelity.size() != points || curve.standard_error.size() != points ||
      (!curve.agreement.empty() && curve.agreement.size() != points) ||
      (!curve.overlap.empty() && curve.overlap.size() != points)) {
    return absl::InvalidArgumentError("the fidelity curve's columns differ in length");
  }
  for (size_t i = 0; i < points; ++i) {
    const bool in_order = i == 0 || (curve.compute[i] > curve.compute[i - 1] &&
                                     curve.fidelity[i] >= curve.fidelity[i - 1]);
    if (!(curve.compute[i] > 0 && curve.compute[i] <= 1 && std::isfinite(curve.fidelity[i]) &&
          std::isfinite(curve.standard_error[i]) && in_order)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "fidelity curve point ", i, " is (", curve.compute[i], ", ", curve.fidelity[i],
          "), expected rising compute in (0, 1] and fidelity that never falls"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

std::string Ordering::Id() const {
  Sha256 hash;
  hash.AddField("snapvit ordering 1");
  const int32_t shape[] = {blocks, hidden, heads};
  hash.Add(shape, sizeof(shape));
  hash.Add(mlp_scores.data(), mlp_scores.size() * sizeof(float));
  hash.Add(head_scores.data(), head_scores.size() * sizeof(float));
  hash.Add(&min_mlp_keep, sizeof(min_mlp_keep));
  hash.Add(&min_head_keep, sizeof(min_head_keep));
  hash.Add(path.data(), path.size() * sizeof(PathStep));
  return hash.HexDigest().substr(0, 16);
}

absl::Status ValidateOrdering(const Ordering& ordering) {
  if (ordering.blocks <= 0 || ordering.hidden <= 0 || ordering.heads <= 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("ordering has shape ", ordering.blocks, " blocks, ", ordering.hidden,
                     " channels, ", ordering.heads, " heads; expected positive numbers"));
  }
  const size_t blocks = ordering.blocks;
  RETURN_IF_ERROR(CheckScores("mlp_scores", ordering.mlp_scores, blocks * ordering.hidden));
  RETURN_IF_ERROR(CheckScores("head_scores", ordering.head_scores, blocks * ordering.heads));
  RETURN_IF_ERROR(CheckKeepShare("min_mlp_keep", ordering.min_mlp_keep));
  RETURN_IF_ERROR(CheckKeepShare("min_head_keep", ordering.min_head_keep));
  RETURN_IF_ERROR(CheckPath(ordering));
  return CheckCurve(ordering.fidelity);
}

absl::Status CheckOrderingFits(const Ordering& ordering, const VitConfig& config,
                               std::string_view fingerprint) {
  if (ordering.blocks != config.depth || ordering.hidden != config.mlp_hidden ||
      ordering.heads != config.num_heads) {
    return absl::FailedPreconditionError(
        absl::StrCat("the ordering is for ", ordering.blocks, " blocks of ", ordering.hidden,
                     " channels and ", ordering.heads, " heads, but the model has ", config.depth,
                     " of ", config.mlp_hidden, " and ", config.num_heads));
  }
  if (ordering.model_fingerprint != kAnyModel && ordering.model_fingerprint != fingerprint) {
    return absl::FailedPreconditionError(
        absl::StrCat("the ordering was computed for a model with fingerprint ",
                     ordering.model_fingerprint, ", this model has ", std::string(fingerprint)));
  }
  return absl::OkStatus();
}

}  // namespace snapvit
