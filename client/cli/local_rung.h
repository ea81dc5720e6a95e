// Which rung a local verb serves for a budget.
#ifndef SNAPVIT_CLIENT_CLI_LOCAL_RUNG_H_
#define SNAPVIT_CLIENT_CLI_LOCAL_RUNG_H_

#include <memory>

#include "absl/status/statusor.h"
#include "client/cli/compute_thread.h"
#include "client/result.h"
#include "core/elastic/budget.h"
#include "core/elastic/elastic_model.h"

namespace snapvit::cli {

// True for a budget of exactly the dense model's compute: it needs no ordering.
bool IsDense(const Budget& budget);

// A receipt that says what the budget asked for and the rung that is served for it; the times are
// not set. Nothing but the ladder limits a local verb. A latency budget is answered by a profile of
// single images, measured here.
absl::StatusOr<client::Receipt> ChooseRung(const Budget& budget,
                                           const std::shared_ptr<const ElasticModel>& model,
                                           ComputeThread& compute);

}  // namespace snapvit::cli

#endif  // SNAPVIT_CLIENT_CLI_LOCAL_RUNG_H_
