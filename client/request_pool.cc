#include "client/request_pool.h"

#include <algorithm>
#include <cstddef>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace snapvit::client {
namespace {

// Whether every other request of the call would fail like this. The codes below are about one
// request: the timeout, for one, is each request's own.
bool WouldRepeat(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnknown:
      return false;
    default:
      return true;
  }
}

// Hands out ranges and collects statuses. Thread-safe.
class RequestPool {
 public:
  RequestPool(std::span<const ImageRange> ranges, const SendRange& send,
              const std::function<void(size_t done)>& on_progress)
      : ranges_(ranges), send_(send), on_progress_(on_progress), statuses_(ranges.size()) {}

  // Sends ranges until none is left.
  void Work() ABSL_LOCKS_EXCLUDED(mutex_) {
    while (true) {
      size_t range = 0;
      if (!Take(range)) return;
      const absl::Status status = send_(ranges_[range]);
      Finish(range, status);
    }
  }

  // REQUIRES: all Work() have returned.
  std::vector<absl::Status> TakeStatuses() ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    return std::move(statuses_);
  }

 private:
  bool Take(size_t& range) ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    if (!ended_by_.ok()) {
      std::fill(statuses_.begin() + static_cast<std::ptrdiff_t>(next_), statuses_.end(), ended_by_);
      next_ = ranges_.size();
    }
    if (next_ == ranges_.size()) return false;
    range = next_++;
    return true;
  }

  void Finish(size_t range, const absl::Status& status) ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    statuses_[range] = status;
    if (ended_by_.ok() && WouldRepeat(status)) ended_by_ = status;
    done_ += ranges_[range].count;
    if (on_progress_) on_progress_(done_);
  }

  const std::span<const ImageRange> ranges_;
  const SendRange& send_;
  const std::function<void(size_t done)>& on_progress_;

  absl::Mutex mutex_;
  size_t next_ ABSL_GUARDED_BY(mutex_) = 0;  // first range that nobody has taken
  size_t done_ ABSL_GUARDED_BY(mutex_) = 0;  // images
  absl::Status ended_by_ ABSL_GUARDED_BY(mutex_);
  std::vector<absl::Status> statuses_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

std::vector<absl::Status> SendAll(std::span<const ImageRange> ranges, int threads,
                                  const SendRange& send,
                                  const std::function<void(size_t done)>& on_progress) {
  RequestPool pool(ranges, send, on_progress);
  const auto helpers =
      std::min<size_t>(std::max(threads, 1), std::max<size_t>(ranges.size(), 1)) - 1;
  std::vector<std::thread> workers;
  for (size_t i = 0; i < helpers; ++i) workers.emplace_back([&pool] { pool.Work(); });
  pool.Work();
  for (std::thread& worker : workers) worker.join();
  return pool.TakeStatuses();
}

}  // namespace snapvit::client
