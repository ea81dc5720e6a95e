// BenchCaller: sends prepared requests over gRPC without waiting for replies: thousands at a time
// on a fixed number of threads and connections.
#ifndef SNAPVIT_CLIENT_CLI_BENCH_CALLER_H_
#define SNAPVIT_CLIENT_CLI_BENCH_CALLER_H_

#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "client/client.h"
#include "core/base/clock.h"

namespace snapvit::cli {

// Thread-safe.
class BenchCaller {
 public:
  struct Options {
    client::ClientOptions client;  // target, credentials; keys are given with each call
    int connections = 1;           // that calls are spread over
    int threads = 1;               // that replies come on
    absl::Duration connect_timeout = absl::Seconds(10);
    const Clock* clock = Clock::Monotonic();
  };
  struct Reply {
    grpc::Status status;
    grpc::ByteBuffer body;
    absl::Time received;
  };
  // On one of the caller's threads.
  using OnReply = std::function<void(const Reply&)>;

  // Connects. UNAVAILABLE, with the target, if that fails; also ValidateClientOptions' errors.
  static absl::StatusOr<std::unique_ptr<BenchCaller>> Create(const Options& options);
  // Waits for all calls, which may be cancelled.
  ~BenchCaller();

  // Starts a call and returns. `on_reply` is called once, whatever comes of it, at the latest after
  // `timeout`; it may start other calls.
  void Call(const std::string& method, const grpc::ByteBuffer& request, const std::string& api_key,
            absl::Duration timeout, OnReply on_reply) ABSL_LOCKS_EXCLUDED(mu_);

  // Ends the calls that are on their way, with CANCELLED.
  void CancelAll() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Pending;

  explicit BenchCaller(const Options& options) : options_(options) {}
  absl::Status Connect();
  void ReceiveLoop(grpc::CompletionQueue* queue);
  void Finish(Pending* pending) ABSL_LOCKS_EXCLUDED(mu_);

  const Options options_;
  std::vector<std::unique_ptr<grpc::GenericStub>> stubs_;       // one a connection
  std::vector<std::unique_ptr<grpc::CompletionQueue>> queues_;  // one a thread
  std::vector<std::thread> threads_;
  std::atomic<size_t> next_ = 0;  // calls take connections and queues in turn

  absl::Mutex mu_;
  std::unordered_set<Pending*> pending_ ABSL_GUARDED_BY(mu_);
};

}  // namespace snapvit::cli

#endif  // SNAPVIT_CLIENT_CLI_BENCH_CALLER_H_
