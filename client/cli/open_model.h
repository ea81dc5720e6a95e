// Loading of a model folder for a local verb.
#ifndef SNAPVIT_CLIENT_CLI_OPEN_MODEL_H_
#define SNAPVIT_CLIENT_CLI_OPEN_MODEL_H_

#include <memory>

#include "absl/status/statusor.h"
#include "client/cli/compute_thread.h"
#include "core/elastic/elastic_model.h"
#include "core/snapvit/elastic_loader.h"

namespace snapvit::cli {

enum class OrderingNeed {
  kNone,       // the dense model alone: no ordering is read or made
  kIfThere,    // one that look-up finds, as it is, else the dense model alone
  kOrUniform,  // one that look-up finds, as it is, else UniformOrdering
  kRequired,   // one that look-up finds, else it is computed; what it lacks is added; cached
};

// Progress and warnings go to standard error.
absl::StatusOr<std::shared_ptr<const ElasticModel>> OpenModel(const ElasticLoaderOptions& options,
                                                              OrderingNeed need,
                                                              ComputeThread& compute);

}  // namespace snapvit::cli

#endif  // SNAPVIT_CLIENT_CLI_OPEN_MODEL_H_
