// CorrectionSet: the tensors of an ordering's corrections, laid out for the views that use them.
#ifndef SNAPVIT_CORE_ELASTIC_CORRECTION_SET_H_
#define SNAPVIT_CORE_ELASTIC_CORRECTION_SET_H_

#include <ATen/core/Tensor.h>

#include <map>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "core/elastic/corrections.h"
#include "core/elastic/keep_counts.h"
#include "core/elastic/keep_rule.h"
#include "core/elastic/permuted_weights.h"

namespace snapvit {

// Of one structure at one keep count. Shared by every view that keeps as many of its units.
struct StructureCorrection {
  at::Tensor bias;     // [D], execution dtype: the layer's own bias and what the correction adds
  at::Tensor in, out;  // [keep·g, rank], [rank, D] bf16; undefined without a low-rank part
};

// Immutable after creation.
class CorrectionSet {
 public:
  // An empty set: views are as pruned.
  CorrectionSet() = default;

  // For all structures and keep counts of `views`; those that keep every unit need none.
  // RESOURCE_EXHAUSTED without memory. REQUIRES: `corrections` fits the weights, which were
  // permuted by `ranking`.
  static absl::StatusOr<CorrectionSet> Create(const PermutedWeights& weights,
                                              const UnitRanking& ranking,
                                              const Corrections& corrections, CorrectionMode mode,
                                              const std::vector<KeepCounts>& views);

  // Null if there is none. `structure` as in PathStep.
  const StructureCorrection* Find(int structure, int keep) const;

  const std::map<std::pair<int, int>, StructureCorrection>& all() const {
    return by_structure_and_keep_;
  }

  // Of all tables together.
  size_t Bytes() const;

 private:
  std::map<std::pair<int, int>, StructureCorrection> by_structure_and_keep_;
};

}  // namespace snapvit

#endif  // SNAPVIT_CORE_ELASTIC_CORRECTION_SET_H_
