// HttpBodyMemory: what the bodies of all HTTP calls take up together while they are read.
#ifndef SNAPVIT_SERVER_HTTP_BODY_MEMORY_H_
#define SNAPVIT_SERVER_HTTP_BODY_MEMORY_H_

#include <atomic>
#include <cstddef>

namespace snapvit {

// Thread-safe. Outlives its shares.
class HttpBodyMemory {
 public:
  explicit HttpBodyMemory(size_t most_bytes) : most_(most_bytes) {}

  // What one body holds, from its first byte until it was understood. Belongs to the thread that
  // reads it; given back at its end.
  class Share {
   public:
    explicit Share(HttpBodyMemory* memory) : memory_(*memory) {}
    ~Share() { memory_.held_ -= held_; }
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;

    // Whether there is room for `bytes` more of the body now; others may take it meanwhile.
    bool HasRoomFor(size_t bytes) const { return Fits(memory_.held_, kCopies * bytes); }
    // Holds `bytes` more; false, and nothing more is held, if there is no room.
    bool Take(size_t bytes) {
      const size_t more = kCopies * bytes;
      if (!Fits(memory_.held_.fetch_add(more), more)) {
        memory_.held_ -= more;
        return false;
      }
      held_ += more;
      return true;
    }

   private:
    // Beside `held` of all. A body that is alone fits in any case: else the largest never would.
    bool Fits(size_t held, size_t more) const {
      return held == held_ || held + more <= memory_.most_;
    }

    HttpBodyMemory& memory_;
    size_t held_ = 0;
  };

 private:
  // Of a body while it is parsed: as it came, and twice what the parser reads, as characters of
  // the JSON and as the text that they mean.
  static constexpr size_t kCopies = 3;

  const size_t most_;
  std::atomic<size_t> held_ = 0;
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_HTTP_BODY_MEMORY_H_
