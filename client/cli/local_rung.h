// Which rung a local verb serves for a budget.
#ifndef SNAPVIT_CLIENT_CLI_LOCAL_RUNG_H_
#define SNAPVIT_CLIENT_CLI_LOCAL_RUNG_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cli/compute_thread.h"
#include "client/result.h"
#include "core/elastic/budget.h"
#include "core/elastic/elastic_model.h"
#include "core/elastic/rung_interval.h"

namespace snapvit::cli {

// True for a budget that means the dense model whatever the ladder is, and has no floor on it: it
// needs no ordering.
bool IsDense(const Budget& budget);

// Chooses rungs of one model. Nothing but the ladder limits a local verb.
class RungChooser {
 public:
  // `compute` must outlive the chooser.
  RungChooser(std::shared_ptr<const ElasticModel> model, ComputeThread& compute)
      : model_(std::move(model)), compute_(compute) {}

  // A receipt that says what the budget asked for and the rung that is served for it; the times are
  // not set. The first latency budget profiles single images, with progress on standard error.
  absl::StatusOr<client::Receipt> Choose(const Budget& budget);

 private:
  absl::Status ProfileSingleImages();

  const std::shared_ptr<const ElasticModel> model_;
  ComputeThread& compute_;
  LatencyEstimate latency_;  // empty until it is needed
};

}  // namespace snapvit::cli

#endif  // SNAPVIT_CLIENT_CLI_LOCAL_RUNG_H_
