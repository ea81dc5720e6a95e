// EngineHost: what a server computes with, and what brings its model up.
#ifndef SNAPVIT_SERVER_ENGINE_HOST_H_
#define SNAPVIT_SERVER_ENGINE_HOST_H_

#include <string>

#include "absl/status/status.h"
#include "core/scheduling/backend.h"
#include "server/ordering_switch.h"

namespace snapvit {

class EngineHost {
 public:
  virtual ~EngineHost() = default;

  // Lives as long as the host.
  virtual Backend* backend() = 0;
  // Called first on each thread that runs batches, with its index.
  virtual void StartWorker(int worker) = 0;

  // Loads the model and sets it and the phases of the serving state on the way; then takes
  // orderings over until Stop(), if this kind of engine can. Called once, on a thread of its own.
  // An error is one that the server cannot go on with; CANCELLED: stopped while it loaded.
  virtual absl::Status Run() = 0;
  // Has Run() serve by the ordering in `path` (empty: looked up as at start) from then on. Does not
  // block; calls `done` once. Any thread.
  virtual void ReloadOrdering(const std::string& path, OrderingDone done) = 0;
  // Ends Run() at its next step. Any thread.
  virtual void Stop() = 0;
  // What no later batch can succeed after: the process has to end. Any thread.
  virtual absl::Status DeviceFailure() const { return absl::OkStatus(); }
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_ENGINE_HOST_H_
