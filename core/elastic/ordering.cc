#include "core/elastic/ordering.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "core/base/sha256.h"
#include "core/base/status_macros.h"
#include "core/elastic/structure.h"

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

bool AllFinite(const std::vector<float>& values) {
  return std::all_of(values.begin(), values.end(),
                     [](float value) { return std::isfinite(value); });
}

// A bfloat16 is infinite or not a number if all its exponent bits are set.
bool AllFinite(const std::vector<uint16_t>& bits) {
  return std::none_of(bits.begin(), bits.end(),
                      [](uint16_t value) { return (value & 0x7f80) == 0x7f80; });
}

absl::Status CheckLowRank(const Ordering& ordering, const LowRankCorrection& low_rank) {
  const Corrections& corrections = ordering.corrections;
  const auto [structure, keep, rank, in, out] =
      std::tie(low_rank.structure, low_rank.keep, low_rank.rank, low_rank.in, low_rank.out);
  const bool is_mlp = IsMlp(structure, ordering.blocks);
  const int units = is_mlp ? ordering.hidden : ordering.heads;
  const int unit_size = is_mlp ? 1 : corrections.head_dim;
  if (structure < 0 || structure >= 2 * ordering.blocks || keep < 1 || keep >= units || rank < 1 ||
      rank > corrections.embed_dim || in.size() != 1ULL * keep * unit_size * rank ||
      out.size() != 1ULL * rank * corrections.embed_dim || !AllFinite(in) || !AllFinite(out)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the correction of structure ", structure, " at ", keep, " units has rank ",
                     rank, " and ", in.size(), " and ", out.size(),
                     " values, expected keep · unit size · rank and rank · width finite values"));
  }
  return absl::OkStatus();
}

absl::Status CheckCorrections(const Ordering& ordering) {
  const Corrections& corrections = ordering.corrections;
  if (corrections.empty()) {
    return corrections.low_rank.empty()
               ? absl::OkStatus()
               : absl::InvalidArgumentError("low-rank corrections without means of the units");
  }
  const size_t blocks = ordering.blocks;
  if (corrections.embed_dim <= 0 || corrections.head_dim <= 0 ||
      corrections.mlp_means.size() != blocks * ordering.hidden ||
      corrections.head_means.size() != blocks * ordering.heads * corrections.head_dim ||
      !AllFinite(corrections.mlp_means) || !AllFinite(corrections.head_means)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "unit means are ", corrections.mlp_means.size(), " and ", corrections.head_means.size(),
        ", expected a finite one for each channel, and head_dim for each head"));
  }
  const LowRankCorrection* before = nullptr;
  for (const LowRankCorrection& low_rank : corrections.low_rank) {
    RETURN_IF_ERROR(CheckLowRank(ordering, low_rank));
    if (before != nullptr &&
        std::tie(before->structure, before->keep) >= std::tie(low_rank.structure, low_rank.keep)) {
      return absl::InvalidArgumentError(
          "low-rank corrections are not in rising order of structure and keep count");
    }
    before = &low_rank;
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
  if (!corrections.empty()) {
    hash.AddField("corrections");
    hash.Add(corrections.mlp_means.data(), corrections.mlp_means.size() * sizeof(float));
    hash.Add(corrections.head_means.data(), corrections.head_means.size() * sizeof(float));
    for (const LowRankCorrection& low_rank : corrections.low_rank) {
      const int32_t place[] = {low_rank.structure, low_rank.keep, low_rank.rank};
      hash.Add(place, sizeof(place));
      hash.Add(low_rank.in.data(), low_rank.in.size() * sizeof(uint16_t));
      hash.Add(low_rank.out.data(), low_rank.out.size() * sizeof(uint16_t));
    }
  }
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
  RETURN_IF_ERROR(CheckCorrections(ordering));
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
  const Corrections& corrections = ordering.corrections;
  if (!corrections.empty() &&
      (corrections.embed_dim != config.embed_dim || corrections.head_dim != config.head_dim)) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the ordering's corrections are for width ", corrections.embed_dim, " and heads of ",
        corrections.head_dim, ", but the model has ", config.embed_dim, " and ", config.head_dim));
  }
  if (ordering.model_fingerprint != kAnyModel && ordering.model_fingerprint != fingerprint) {
    return absl::FailedPreconditionError(
        absl::StrCat("the ordering was computed for a model with fingerprint ",
                     ordering.model_fingerprint, ", this model has ", std::string(fingerprint)));
  }
  return absl::OkStatus();
}

}  // namespace snapvit
