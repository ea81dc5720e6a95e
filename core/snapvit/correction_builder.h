// CorrectionBuilder: what is stored with an ordering so that views can make up for their pruned
// units, whoever decided the order of the units. docs/design.md, "Corrections".
#ifndef SNAPVIT_CORE_SNAPVIT_CORRECTION_BUILDER_H_
#define SNAPVIT_CORE_SNAPVIT_CORRECTION_BUILDER_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "core/elastic/corrections.h"
#include "core/model/vit_config.h"
#include "core/snapvit/half_problem.h"
#include "core/snapvit/low_rank.h"
#include "core/snapvit/unit_statistics.h"

namespace snapvit {

// Where views come to rest: a structure (as in PathStep) and how many of its units they keep.
using KeepStop = std::pair<int32_t, int32_t>;

// Means of all units, without low-rank corrections.
Corrections MeansOf(const VitConfig& config, const UnitStatistics& statistics);

// Thread-compatible. Methods throw c10::Error like ATen itself.
class CorrectionBuilder {
 public:
  // `parts`: of another builder, to go on from.
  explicit CorrectionBuilder(const VitConfig& config, std::map<KeepStop, LowRankParts> parts = {})
      : config_(config), parts_(std::move(parts)) {}

  // Finds the low-rank correction of `half`, its units in this `order` (most important first), at
  // each of `keeps`; at keep counts of no unit or of all there is none.
  void Add(size_t half, const HalfProblem& problem, const std::vector<int>& order,
           std::vector<int> keeps);

  bool Has(const KeepStop& stop) const { return parts_.contains(stop); }

  // All that were added.
  const std::map<KeepStop, LowRankParts>& parts() const { return parts_; }

  // All that were added, at the highest rank.
  std::vector<LowRankCorrection> All() const;

  // Those of `stops`, with the ranks that save the most loss while they and a bias for each stop
  // take no more than a twentieth of the memory of the block weights in f32, whatever they will be
  // executed in: one model has one ordering.
  std::vector<LowRankCorrection> WithinMemory(const std::set<KeepStop>& stops) const;

 private:
  const VitConfig config_;
  std::map<KeepStop, LowRankParts> parts_;
};

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SNAPVIT_CORRECTION_BUILDER_H_
