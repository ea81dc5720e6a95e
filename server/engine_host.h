// EngineHost: what a server computes with, and what brings its model up.
#ifndef SNAPVIT_SERVER_ENGINE_HOST_H_
#define SNAPVIT_SERVER_ENGINE_HOST_H_

#include "absl/status/status.h"
#include "core/scheduling/backend.h"

namespace snapvit {

class EngineHost {
 public:
  virtual ~EngineHost() = default;

  // Lives as long as the host.
  virtual Backend* backend() = 0;
  // Called first on each thread that runs batches, with its index.
  virtual void StartWorker(int worker) = 0;

  // Loads the model and sets it and the phases of the serving state on the way. Runs once, on a
  // thread of its own; blocks until the model is ready. An error is one that the server cannot go
  // on with; CANCELLED after Stop().
  virtual absl::Status Load() = 0;
  // Ends Load() at its next step. Any thread.
  virtual void Stop() = 0;
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_ENGINE_HOST_H_
