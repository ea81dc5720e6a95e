#include "server/call_set.h"

namespace snapvit {

bool CallSet::AddStream(Call* stream) {
  absl::MutexLock lock(&mu_);
  if (streams_.size() >= max_streams_) return false;
  streams_.insert(stream);
  if (draining_) stream->Drain();
  return true;
}

void CallSet::AddReply(Call* call) {
  absl::MutexLock lock(&mu_);
  replies_.insert(call);
}

void CallSet::Remove(Call* call) {
  absl::MutexLock lock(&mu_);
  streams_.erase(call);
  replies_.erase(call);
}

void CallSet::Drain() {
  absl::MutexLock lock(&mu_);
  draining_ = true;
  for (Call* const stream : streams_) stream->Drain();
}

void CallSet::EndStill(const StillSince& since) {
  absl::MutexLock lock(&mu_);
  for (Call* const stream : streams_) stream->EndIfStill(since);
  for (Call* const call : replies_) call->EndIfStill(since);
}

size_t CallSet::streams() const {
  absl::MutexLock lock(&mu_);
  return streams_.size();
}

}  // namespace snapvit
