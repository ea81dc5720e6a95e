#include "core/scheduling/fair_share.h"

#include <algorithm>
#include <limits>
#include <vector>

namespace snapvit {
namespace {

// The share of one unit of weight; infinite if all claims are met.
double WaterLevel(std::span<const ShareClaim> claims) {
  double weight = 0;
  std::vector<const ShareClaim*> by_need;
  for (const ShareClaim& claim : claims) {
    weight += claim.weight;
    by_need.push_back(&claim);
  }
  std::sort(by_need.begin(), by_need.end(), [](const ShareClaim* a, const ShareClaim* b) {
    return a->demand * b->weight < b->demand * a->weight;
  });
  double left = 1;
  for (const ShareClaim* claim : by_need) {
    if (claim->demand * weight > left * claim->weight) return left / weight;
    left -= claim->demand;
    weight -= claim->weight;
  }
  return std::numeric_limits<double>::infinity();
}

}  // namespace

void ShareOut(std::span<ShareClaim> claims) {
  const double level = WaterLevel(claims);
  for (ShareClaim& claim : claims) claim.limit = std::min(1.0, level * claim.weight);
}

}  // namespace snapvit
