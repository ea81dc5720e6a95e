// An ordering that says nothing: every block loses the same share of its units. Good for timing,
// where only the shapes matter; no embedding should be made with it.
#ifndef SNAPVIT_CLIENT_CLI_UNIFORM_ORDERING_H_
#define SNAPVIT_CLIENT_CLI_UNIFORM_ORDERING_H_

#include "core/elastic/ordering.h"
#include "core/model/vit_config.h"

namespace snapvit::cli {

inline constexpr char kUniformRecipe[] = "uniform";

// Recipe kUniformRecipe, no fidelity. Its ladder has the same keep counts in all blocks, but for
// the one unit that some block loses first.
Ordering UniformOrdering(const VitConfig& config);

}  // namespace snapvit::cli

#endif  // SNAPVIT_CLIENT_CLI_UNIFORM_ORDERING_H_
