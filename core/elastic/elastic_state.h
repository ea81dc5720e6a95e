// The tensors behind an ElasticModel.
#ifndef SNAPVIT_CORE_ELASTIC_ELASTIC_STATE_H_
#define SNAPVIT_CORE_ELASTIC_ELASTIC_STATE_H_

#include <vector>

#include "core/elastic/correction_set.h"
#include "core/elastic/elastic_model.h"
#include "core/elastic/permuted_weights.h"

namespace snapvit {

struct ElasticModel::State {
  PermutedWeights weights;
  CorrectionSet corrections;  // of all rungs
  // One per rung: slices of `weights`, made at load so that a switch is a look-up.
  std::vector<View> views;
};

}  // namespace snapvit

#endif  // SNAPVIT_CORE_ELASTIC_ELASTIC_STATE_H_
