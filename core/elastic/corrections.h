// Corrections: what a view adds in the place of its pruned units. Stored with an ordering; computed
// by core/snapvit. (docs/design.md, "Corrections")
//
// Of one structure (the heads or the MLP channels of a block), with u = [u_k u_p] the outputs of
// its units before the output matrix W = [W_k; W_p], μ their means, k kept and p pruned:
//   none  y = u_k·W_k
//   bias  y = u_k·W_k + μ_p·W_p
//   full  y = u_k·W_k + μ_p·W_p + (u_k − μ_k)·in·out
#ifndef SNAPVIT_CORE_ELASTIC_CORRECTIONS_H_
#define SNAPVIT_CORE_ELASTIC_CORRECTIONS_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace snapvit {

enum class CorrectionMode { kNone, kBias, kFull };

// "none", "bias", "full".
std::string_view CorrectionModeName(CorrectionMode mode);
// INVALID_ARGUMENT for any other text.
absl::StatusOr<CorrectionMode> ParseCorrectionMode(std::string_view text);

// `in`·`out` predicts, from the kept units, what the pruned ones add beyond their mean. bfloat16
// values as their bits; units most important first.
struct LowRankCorrection {
  int32_t structure = 0;  // as in PathStep
  int32_t keep = 0;       // units kept: it fits no other count
  int32_t rank = 0;
  std::vector<uint16_t> in;   // [keep·g, rank], row-major; g = 1 for channels, head_dim for heads
  std::vector<uint16_t> out;  // [rank, embed_dim]

  bool operator==(const LowRankCorrection&) const = default;
};

struct Corrections {
  int embed_dim = 0;
  int head_dim = 0;
  // Mean output of each unit over the calibration tokens, in the model's own numbering.
  std::vector<float> mlp_means;             // [blocks, hidden]
  std::vector<float> head_means;            // [blocks, heads, head_dim]
  std::vector<LowRankCorrection> low_rank;  // by rising (structure, keep), without duplicates

  bool empty() const { return mlp_means.empty(); }
};

}  // namespace snapvit

#endif  // SNAPVIT_CORE_ELASTIC_CORRECTIONS_H_
