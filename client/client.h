// Client: a C++ client of the server's gRPC services. It sends any number of images in requests of
// bounded size, several at a time, retries what a retry can help, and gives results in the order of
// the images, each with its receipt. An endless flow of images goes through
// the EmbedStream method of snapvit.v1.Inference itself.
//
//   auto client = Client::Create({.target = "localhost:50051"});
//   std::vector<ImageInput> images = {EncodedImage{jpeg_bytes}};
//   EmbedOptions options;
//   options.budget.set_compute(0.5);
//   auto results = (*client)->Embed(images, options);
#ifndef SNAPVIT_CLIENT_CLIENT_H_
#define SNAPVIT_CLIENT_CLIENT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/image_input.h"
#include "client/request_split.h"
#include "client/result.h"
#include "client/retry.h"
#include "snapvit/v1/inference.pb.h"
#include "snapvit/v1/models.pb.h"

namespace snapvit::client {

// An encrypted connection. All are PEM, not paths.
struct TlsOptions {
  std::string authorities;        // of the server's certificate; empty: those of the system
  std::string certificate_chain;  // of the client; empty: it shows none
  std::string private_key;        // of that certificate
  std::string server_name;        // that the certificate must have; empty: the target's
};

struct ClientOptions {
  std::string target;             // HOST:PORT, or any name that gRPC resolves
  std::string api_key;            // sent as "authorization: Bearer KEY"; empty: none
  std::optional<TlsOptions> tls;  // nothing: the connection, with the key, is not encrypted
  // Of one message in either direction. An image above it is an error of its own and is not sent.
  size_t max_message_bytes = size_t{64} << 20;
  RequestLimits request;
  // Not shared with other clients of the same target in this process.
  bool own_connection = false;
  int max_requests_in_flight = 4;  // of one Embed or Classify call; each takes a thread
  RetryPolicy retry;
  TimeSource time = TimeSource::Real();
};

struct CallOptions {
  std::string model;  // empty: the one that the server serves
  v1::Budget budget;  // without a target: the tenant's default
  // For each request, all attempts and the waits between them. A call of many images may take
  // longer.
  absl::Duration timeout = absl::Seconds(60);
  std::string traceparent;  // sent with every request (W3C Trace Context); empty: none
  // Called after each request with the number of images that are done, by one thread at a time.
  std::function<void(size_t done)> on_progress;
};

struct EmbedOptions : CallOptions {
  v1::Output output;
};

struct ClassifyOptions : CallOptions {
  uint32_t top_k = 0;  // 0: the server's default
  v1::Activation activation = v1::ACTIVATION_SOFTMAX;
};

enum class Health { kServing, kNotServing, kUnknown };

// Thread-safe: any number of calls may run at the same time. All methods block.
//
// Faults: of an image → its result. Of a request → the result of each of its images; if it would be
// the same for every request (budget, model, authentication, an unreachable server), the rest is
// not sent and gets it too. A call itself fails only if every request did, with the first such
// error.
class Client {
 public:
  // Does not connect yet. INVALID_ARGUMENT names the option.
  static absl::StatusOr<std::unique_ptr<Client>> Create(ClientOptions options);
  ~Client();

  // One result per image, in their order.
  absl::StatusOr<std::vector<EmbedResult>> Embed(std::span<const ImageInput> images,
                                                 const EmbedOptions& options) const;
  absl::StatusOr<std::vector<ClassifyResult>> Classify(std::span<const ImageInput> images,
                                                       const ClassifyOptions& options) const;

  // All models, without ladders and labels.
  absl::StatusOr<std::vector<v1::ModelInfo>> ListModels(absl::Duration timeout) const;
  // Empty name: the one that the server serves.
  absl::StatusOr<v1::ModelInfo> GetModel(const std::string& name, absl::Duration timeout) const;
  // Empty service: the whole server. Not retried.
  absl::StatusOr<Health> Check(const std::string& service, absl::Duration timeout) const;

 private:
  struct State;
  explicit Client(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace snapvit::client

#endif  // SNAPVIT_CLIENT_CLIENT_H_
