#include "client/cli/bench_caller.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "client/channel.h"
#include "core/base/status_macros.h"

namespace snapvit::cli {

// One call. Owned by its completion, which is its tag.
struct BenchCaller::Pending {
  grpc::ClientContext context;
  std::unique_ptr<grpc::GenericClientAsyncResponseReader> reader;
  Reply reply;
  OnReply on_reply;
};

absl::StatusOr<std::unique_ptr<BenchCaller>> BenchCaller::Create(const Options& options) {
  RETURN_IF_ERROR(client::ValidateClientOptions(options.client));
  auto caller = std::unique_ptr<BenchCaller>(new BenchCaller(options));
  RETURN_IF_ERROR(caller->Connect());
  return caller;
}

absl::Status BenchCaller::Connect() {
  client::ClientOptions client = options_.client;
  client.own_connection = true;
  const auto deadline = client::DeadlineAfter(options_.connect_timeout);
  for (int i = 0; i < options_.connections; ++i) {
    const std::shared_ptr<grpc::Channel> channel = client::OpenChannel(client);
    if (!channel->WaitForConnected(deadline)) {
      return absl::UnavailableError(absl::StrCat("cannot connect to ", client.target, " within ",
                                                 absl::FormatDuration(options_.connect_timeout)));
    }
    stubs_.push_back(std::make_unique<grpc::GenericStub>(channel));
  }
  for (int i = 0; i < options_.threads; ++i) {
    queues_.push_back(std::make_unique<grpc::CompletionQueue>());
    threads_.emplace_back([this, queue = queues_.back().get()] { ReceiveLoop(queue); });
  }
  return absl::OkStatus();
}

BenchCaller::~BenchCaller() {
  {
    // A queue must not be shut down while calls are still started on it.
    const auto idle = [this]() ABSL_SHARED_LOCKS_REQUIRED(mu_) { return pending_.empty(); };
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(&idle));
  }
  for (const auto& queue : queues_) queue->Shutdown();
  for (std::thread& thread : threads_) thread.join();
}

void BenchCaller::Call(const std::string& method, const grpc::ByteBuffer& request,
                       const std::string& api_key, absl::Duration timeout, OnReply on_reply) {
  auto* pending = new Pending;
  pending->on_reply = std::move(on_reply);
  client::ClientOptions options;
  options.api_key = api_key;
  client::PrepareContext(options, timeout, pending->context);
  const size_t turn = next_.fetch_add(1, std::memory_order_relaxed);
  grpc::CompletionQueue* queue = queues_[turn % queues_.size()].get();
  pending->reader =
      stubs_[turn % stubs_.size()]->PrepareUnaryCall(&pending->context, method, request, queue);
  {
    absl::MutexLock lock(&mu_);
    pending_.insert(pending);
  }
  pending->reader->StartCall();
  pending->reader->Finish(&pending->reply.body, &pending->reply.status, pending);
}

void BenchCaller::CancelAll() {
  absl::MutexLock lock(&mu_);
  for (Pending* pending : pending_) pending->context.TryCancel();
}

void BenchCaller::ReceiveLoop(grpc::CompletionQueue* queue) {
  void* tag = nullptr;
  bool ok = false;
  while (queue->Next(&tag, &ok)) Finish(static_cast<Pending*>(tag));
}

void BenchCaller::Finish(Pending* pending) {
  pending->reply.received = options_.clock->Now();
  pending->on_reply(pending->reply);
  {
    absl::MutexLock lock(&mu_);
    pending_.erase(pending);
  }
  delete pending;
}

}  // namespace snapvit::cli
