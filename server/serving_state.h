// ServingState: what the server is doing, and the model that it serves: the one thing that the
// loader writes and all services read.
#ifndef SNAPVIT_SERVER_SERVING_STATE_H_
#define SNAPVIT_SERVER_SERVING_STATE_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/served_model.h"

namespace snapvit {

enum class Phase { kLoading, kOrdering, kWarming, kReady, kDraining };

// "loading", "ordering", "warming", "ready", "draining".
const char* PhaseName(Phase phase);

// Thread-safe. Requests are served while there is a model and the phase is not kDraining: with
// --order-at-start background that begins in kOrdering. kDraining is final.
class ServingState {
 public:
  struct Snapshot {
    Phase phase = Phase::kLoading;
    double progress = 0;                       // of the phase, [0, 1]
    std::shared_ptr<const ServedModel> model;  // null: none yet
    bool serving() const { return model != nullptr && phase != Phase::kDraining; }
  };

  // `model_name`: what requests may call the model, known before it is loaded.
  explicit ServingState(std::string model_name) : model_name_(std::move(model_name)) {}

  const std::string& model_name() const { return model_name_; }
  Snapshot Get() const ABSL_LOCKS_EXCLUDED(mu_);

  // The model that a request named `name` (empty: the one there is) is served by. NOT_FOUND:
  // another name. UNAVAILABLE: STARTING, with phase and progress in the message, or DRAINING.
  absl::StatusOr<std::shared_ptr<const ServedModel>> ModelFor(std::string_view name) const
      ABSL_LOCKS_EXCLUDED(mu_);
  // OK or NOT_FOUND.
  absl::Status CheckName(std::string_view name) const;

  // Ignored once the phase is kDraining.
  void SetPhase(Phase phase, double progress) ABSL_LOCKS_EXCLUDED(mu_, listener_mu_);
  // Requests from now on are served by `model`; those under way keep theirs.
  void SetModel(std::shared_ptr<const ServedModel> model) ABSL_LOCKS_EXCLUDED(mu_, listener_mu_);

  // Calls `listener` whenever serving() has changed, with the new value; calls do not overlap. It
  // must not change the state. Set before other threads use this.
  void OnServingChanged(std::function<void(bool serving)> listener) {
    listener_ = std::move(listener);
  }

 private:
  // Applies `change` and tells the listener.
  void Change(const std::function<void(Snapshot&)>& change) ABSL_LOCKS_EXCLUDED(mu_, listener_mu_);

  const std::string model_name_;
  std::function<void(bool)> listener_;

  absl::Mutex listener_mu_ ABSL_ACQUIRED_BEFORE(mu_);
  bool told_serving_ ABSL_GUARDED_BY(listener_mu_) = false;

  mutable absl::Mutex mu_;
  Snapshot snapshot_ ABSL_GUARDED_BY(mu_);
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_SERVING_STATE_H_
