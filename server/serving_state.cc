#include "server/serving_state.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/base/error_reason.h"
#include "core/base/status_macros.h"
#include "server/printable_text.h"

namespace snapvit {

const char* PhaseName(Phase phase) {
  switch (phase) {
    case Phase::kLoading:
      return "loading";
    case Phase::kOrdering:
      return "ordering";
    case Phase::kWarming:
      return "warming";
    case Phase::kReady:
      return "ready";
    case Phase::kDraining:
      return "draining";
  }
  return "loading";
}

ServingState::Snapshot ServingState::Get() const {
  absl::MutexLock lock(&mu_);
  return snapshot_;
}

absl::Status ServingState::CheckName(std::string_view name) const {
  if (name.empty() || name == model_name_) return absl::OkStatus();
  return absl::NotFoundError(absl::StrCat("model is '", PrintableText(name, 128), "', expected '",
                                          model_name_, "' (or empty), the one that is served"));
}

absl::StatusOr<std::shared_ptr<const ServedModel>> ServingState::ModelFor(
    std::string_view name) const {
  RETURN_IF_ERROR(CheckName(name));
  Snapshot now = Get();
  if (now.phase == Phase::kDraining) {
    return WithReason(
        absl::UnavailableError("the server is shutting down: it takes no new requests"),
        kReasonDraining);
  }
  if (now.model == nullptr) {
    return WithReason(absl::UnavailableError(absl::StrFormat(
                          "model %s is not ready yet: %s, %d%% done", model_name_,
                          PhaseName(now.phase), static_cast<int>(100 * now.progress))),
                      kReasonStarting, absl::Seconds(1));
  }
  return std::move(now.model);
}

void ServingState::Change(const std::function<void(Snapshot&)>& change) {
  {
    absl::MutexLock lock(&mu_);
    change(snapshot_);
  }
  // Of two changes at the same time the later one to come here tells what holds after both.
  absl::MutexLock lock(&listener_mu_);
  const bool serving = Get().serving();
  if (serving == told_serving_) return;
  told_serving_ = serving;
  if (listener_) listener_(serving);
}

void ServingState::SetPhase(Phase phase, double progress) {
  Change([phase, progress](Snapshot& snapshot) {
    if (snapshot.phase == Phase::kDraining) return;
    snapshot.phase = phase;
    snapshot.progress = std::clamp(progress, 0.0, 1.0);
  });
}

void ServingState::SetModel(std::shared_ptr<const ServedModel> model) {
  // The old model may be the last reference to much memory: release it without the lock.
  Change([&model](Snapshot& snapshot) { std::swap(snapshot.model, model); });
}

}  // namespace snapvit
