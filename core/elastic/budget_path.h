// BudgetPath: a nested sequence of views from dense down to the smallest useful one. Keep counts
// only fall along it, so a view contains every later view, in every block.
#ifndef SNAPVIT_CORE_ELASTIC_BUDGET_PATH_H_
#define SNAPVIT_CORE_ELASTIC_BUDGET_PATH_H_

#include <vector>

#include "core/elastic/cost_model.h"
#include "core/elastic/keep_counts.h"
#include "core/elastic/keep_rule.h"
#include "core/elastic/ordering.h"

namespace snapvit {

// Where paths end, as compute.
inline constexpr double kSmallestPathCompute = 0.25;

// Pruning ratios of the published curve at parameter s = the MLP ratio: heads start to go at s =
// 0.15 and then keep pace, through (.15,0) (.25,.1) (.35,.2) (.45,.3) (.55,.4) (.65,.5).
double PublishedHeadRatio(double mlp_ratio);

// The steps of the published curve for this ranking: one removed unit each, in the order of the
// ratio at which the keep rule removes it, until every unprotected unit is gone or compute is at
// most kSmallestPathCompute.
std::vector<PathStep> PublishedPath(const UnitRanking& ranking, const VitConfig& config);

// The ordering's own path, or the published one if it has none.
std::vector<PathStep> PathOf(const Ordering& ordering, const UnitRanking& ranking,
                             const VitConfig& config);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_ELASTIC_BUDGET_PATH_H_
