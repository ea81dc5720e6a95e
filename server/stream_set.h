// StreamSet: the streams that are open, so that a drain can end them.
#ifndef SNAPVIT_SERVER_STREAM_SET_H_
#define SNAPVIT_SERVER_STREAM_SET_H_

#include <set>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace snapvit {

// Thread-safe.
class StreamSet {
 public:
  class Stream {
   public:
    virtual ~Stream() = default;
    // Reads no further messages and ends the call once all replies are sent. May be called again.
    // Must not call the StreamSet.
    virtual void Drain() = 0;
  };

  // `stream` is borrowed until Remove(). If the set is draining already, it is drained at once.
  void Add(Stream* stream) ABSL_LOCKS_EXCLUDED(mu_);
  void Remove(Stream* stream) ABSL_LOCKS_EXCLUDED(mu_);

  // Drains all streams that are open and every later one.
  void Drain() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  absl::Mutex mu_;
  std::set<Stream*> streams_ ABSL_GUARDED_BY(mu_);
  bool draining_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_STREAM_SET_H_
