// Acceptor: takes the connections of a listener, up to a number, and hands them on.
#ifndef SNAPVIT_SERVER_ACCEPTOR_H_
#define SNAPVIT_SERVER_ACCEPTOR_H_

#include <sys/types.h>

#include <functional>
#include <map>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/host_port.h"

namespace snapvit {

// gRPC's own acceptor knows no limit, and when the process has no descriptor left it stops
// listening for good. This one closes at once what is above the limit, so that a client hears it,
// and waits while there is no descriptor. Thread-safe.
class Acceptor {
 public:
  enum class Refusal { kTooMany, kNoDescriptor };
  struct Options {
    HostPort address;  // port 0: any free one
    size_t max_connections = 16384;
    // A connection was closed at once, or could not be taken yet. Called from the acceptor's
    // thread; may be empty.
    std::function<void(Refusal)> on_refusal;
  };

  // Binds every address that the host stands for, on one port. FAILED_PRECONDITION, with the
  // reason, if one cannot be bound. What connects waits until Start().
  static absl::StatusOr<std::unique_ptr<Acceptor>> Listen(Options options);
  // Those that were handed on stay open.
  ~Acceptor() { Stop(); }
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  // From now on gives each connection to `take`, which owns it, on the acceptor's thread. Called
  // once.
  void Start(std::function<void(int connection)> take);

  // Takes no more connections and lets the port go. May be called again.
  void Stop();

  // The bound address, with the real port.
  const HostPort& address() const { return address_; }
  // Handed on and not closed yet.
  size_t connections() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  explicit Acceptor(Options options);

  absl::Status Bind();
  void Loop() ABSL_LOCKS_EXCLUDED(mu_);
  // Takes what waits at this listener.
  void Accept(int listener) ABSL_LOCKS_EXCLUDED(mu_);
  bool HasRoom() ABSL_LOCKS_EXCLUDED(mu_);
  void ForgetClosedLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Refuse(Refusal refusal) const;

  const Options options_;
  HostPort address_;
  std::vector<int> listeners_;
  int stop_event_ = -1;
  std::function<void(int)> take_;
  std::thread thread_;

  absl::Mutex mu_;
  // Descriptor and inode of what was handed on. Its owner closes it without telling: then the
  // number is free, or another file's.
  std::map<int, ino_t> connections_ ABSL_GUARDED_BY(mu_);
  absl::Time looked_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();  // for closed ones
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_ACCEPTOR_H_
