#include "core/scheduling/fair_share.h"

#include <algorithm>
#include <limits>
#include <vector>

namespace snapvit {
namespace {

constexpr double kUnlimited = std::numeric_limits<double>::infinity();

using Claims = std::vector<ShareClaim*>;

// What these ask for, as far as a unit of weight may use no more than `level`.
double Use(const Claims& claims, double level) {
  double use = 0;
  for (const ShareClaim* claim : claims) use += std::min(claim->demand, level * claim->weight);
  return use;
}

// How much a unit of weight may use, and whether nobody wants more. If nobody does: as much as the
// one with most for its weight might.
struct Level {
  double height = kUnlimited;
  bool all_met = true;
};

// At which these use `capacity`. Sorts the claims.
Level WaterLevel(Claims& claims, double capacity) {
  double weight = 0;
  for (const ShareClaim* claim : claims) weight += claim->weight;
  std::sort(claims.begin(), claims.end(), [](const ShareClaim* a, const ShareClaim* b) {
    return a->demand * b->weight < b->demand * a->weight;
  });
  Level level;
  for (const ShareClaim* claim : claims) {
    level.height = capacity / weight;
    level.all_met = claim->demand <= level.height * claim->weight;
    if (!level.all_met) break;
    capacity -= claim->demand;
    weight -= claim->weight;
  }
  return level;
}

}  // namespace

void ShareOut(std::span<ShareClaim> claims) {
  Claims interactive, batch;
  double weight = 0;
  for (ShareClaim& claim : claims) {
    weight += claim.weight;
    (claim.priority == PriorityClass::kBatch ? batch : interactive).push_back(&claim);
  }
  const double fair = 1 / weight;
  const Level first = WaterLevel(interactive, 1 - Use(batch, fair));
  // What interactive claims want more leaves batch claims their shares.
  const Level second =
      first.all_met ? WaterLevel(batch, 1 - Use(interactive, kUnlimited)) : Level{fair, false};
  const bool all_met = first.all_met && second.all_met;
  const bool paced = !all_met && !batch.empty();
  for (ShareClaim* claim : interactive) {
    claim->limit = all_met ? 1 : std::min(1.0, first.height * claim->weight);
    claim->pace = paced ? std::max(1.0, first.height / second.height) : 1;
  }
  for (ShareClaim* claim : batch) {
    claim->limit = all_met ? 1 : std::min(1.0, second.height * claim->weight);
    claim->pace = 1;
  }
}

}  // namespace snapvit
