#include "server/stream_set.h"

namespace snapvit {

void StreamSet::Add(Stream* stream) {
  absl::MutexLock lock(&mu_);
  streams_.insert(stream);
  if (draining_) stream->Drain();
}

void StreamSet::Remove(Stream* stream) {
  absl::MutexLock lock(&mu_);
  streams_.erase(stream);
}

void StreamSet::Drain() {
  absl::MutexLock lock(&mu_);
  draining_ = true;
  for (Stream* const stream : streams_) stream->Drain();
}

}  // namespace snapvit
