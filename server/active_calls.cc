#include "server/active_calls.h"

#include <utility>

#include "core/base/monotonic_wait.h"

namespace snapvit {

ActiveCalls::Call::Call(ActiveCalls* calls) : calls_(calls) { calls_->Open(); }

ActiveCalls::Call::Call(ActiveCalls* calls, const Limits& limits, std::string connection)
    : calls_(calls),
      connection_(std::move(connection)),
      room_(calls_->OpenWithin(limits, connection_)) {}

ActiveCalls::Call::~Call() { calls_->Close(room_, connection_); }

void ActiveCalls::Open() {
  absl::MutexLock lock(&mu_);
  ++open_;
}

ActiveCalls::Room ActiveCalls::OpenWithin(const Limits& limits, const std::string& connection) {
  absl::MutexLock lock(&mu_);
  ++open_;
  if (calls_ >= limits.calls) return Room::kNone;
  int& of_connection = connection_calls_[connection];
  if (of_connection >= limits.connection_calls) return Room::kNoneOnConnection;
  ++calls_;
  ++of_connection;
  return Room::kTaken;
}

void ActiveCalls::Close(Room room, const std::string& connection) {
  absl::MutexLock lock(&mu_);
  --open_;
  if (room != Room::kTaken) return;
  --calls_;
  const auto of_connection = connection_calls_.find(connection);
  if (--of_connection->second == 0) connection_calls_.erase(of_connection);
}

int ActiveCalls::open() const {
  absl::MutexLock lock(&mu_);
  return open_;
}

bool ActiveCalls::AwaitNone(absl::Duration timeout) {
  const auto none = [this]() ABSL_SHARED_LOCKS_REQUIRED(mu_) { return open_ == 0; };
  absl::MutexLock lock(&mu_);
  return AwaitAtMost(mu_, absl::Condition(&none), timeout);
}

}  // namespace snapvit
