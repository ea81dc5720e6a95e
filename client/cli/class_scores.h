// From logits to the best classes of an image.
#ifndef SNAPVIT_CLIENT_CLI_CLASS_SCORES_H_
#define SNAPVIT_CLIENT_CLI_CLASS_SCORES_H_

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "client/result.h"
#include "snapvit/v1/inference.pb.h"

namespace snapvit::cli {

// Applies softmax or sigmoid in place, in double precision inside.
void ApplyActivation(v1::Activation activation, std::span<float> logits);

// The `top_k` best by falling score, equal scores by rising index; all if there are fewer. `names`:
// one a class, or none.
std::vector<client::Label> TopLabels(std::span<const float> scores,
                                     const std::vector<std::string>& names, size_t top_k);

}  // namespace snapvit::cli

#endif  // SNAPVIT_CLIENT_CLI_CLASS_SCORES_H_
