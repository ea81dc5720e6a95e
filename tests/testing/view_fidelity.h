// The fidelity of a view, computed plainly.
#ifndef SNAPVIT_TESTS_TESTING_VIEW_FIDELITY_H_
#define SNAPVIT_TESTS_TESTING_VIEW_FIDELITY_H_

#include <ATen/ATen.h>

#include "core/elastic/elastic_model.h"
#include "core/elastic/elastic_state.h"
#include "core/elastic/view_forward.h"
#include "core/snapvit/calibration.h"
#include "core/snapvit/preprocessed_images.h"

namespace snapvit {

// Mean centred cosine between the embeddings of a budget's view and of the dense model over all
// images of `source`. REQUIRES: the ladder has a rung of at most `budget`.
inline double ViewFidelity(const ElasticModel& model, double budget,
                           const CalibrationSource& source) {
  const at::Tensor pixels = PreprocessedImages(source, model.preprocessing(), 0, source.size());
  const auto embed = [&](int rung) {
    const ElasticModel::State& state = model.state();
    return PoolDefault(state.weights, RungTokens(model, rung, pixels));
  };
  const at::Tensor dense = embed(model.ladder().dense());
  const at::Tensor mean = dense.mean(0, /*keepdim=*/true);
  const at::Tensor view = embed(*model.ladder().AtMostCompute(budget));
  return at::cosine_similarity(view - mean, dense - mean, /*dim=*/1).mean().item<double>();
}

}  // namespace snapvit

#endif  // SNAPVIT_TESTS_TESTING_VIEW_FIDELITY_H_
