#include "client/client.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/channel.h"
#include "client/request_pool.h"
#include "client/result_from_proto.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "snapvit/v1/inference.grpc.pb.h"
#include "snapvit/v1/models.grpc.pb.h"

namespace snapvit::client {

struct Client::State {
  ClientOptions options;
  std::unique_ptr<v1::Inference::Stub> inference;
  std::unique_ptr<v1::Models::Stub> models;
  std::unique_ptr<grpc::health::v1::Health::Stub> health;
};

namespace {

constexpr char kTraceparent[] = "traceparent";

// Room for everything in a request that is not an image.
constexpr size_t kRequestOverhead = 64 << 10;

// A blocking method of a stub.
template <typename Stub, typename Request, typename Response>
using UnaryMethod = grpc::Status (Stub::*)(grpc::ClientContext*, const Request&, Response*);

struct CallTerms {
  absl::Duration timeout;
  std::string traceparent = {};  // empty: none
};

template <typename Stub, typename Request, typename Response>
absl::Status Call(const ClientOptions& options, const CallTerms& terms, Stub& stub,
                  UnaryMethod<Stub, Request, Response> method, const Request& request,
                  Response& response) {
  return CallWithRetry(options.retry, options.time, terms.timeout, [&](absl::Duration time_left) {
    grpc::ClientContext context;
    PrepareContext(options, time_left, context);
    if (!terms.traceparent.empty()) context.AddMetadata(kTraceparent, terms.traceparent);
    response.Clear();
    const grpc::Status status = (stub.*method)(&context, request, &response);
    return MakeAttempt(status, context);
  });
}

// What Embed and Classify differ in, by overloads.
v1::EmbedRequest StartRequest(const EmbedOptions& options) {
  v1::EmbedRequest request;
  *request.mutable_output() = options.output;
  return request;
}

v1::ClassifyRequest StartRequest(const ClassifyOptions& options) {
  v1::ClassifyRequest request;
  request.set_top_k(options.top_k);
  request.set_activation(options.activation);
  return request;
}

void SetError(const absl::Status& error, EmbedResult& result) { result.embedding = error; }
void SetError(const absl::Status& error, ClassifyResult& result) { result.labels = error; }

absl::Status CheckSendable(const ClientOptions& options, const ImageInput& image) {
  if (absl::Status status = CheckImage(image); !status.ok()) return status;
  const size_t bytes = PayloadBytes(image);
  if (bytes + kRequestOverhead <= options.max_message_bytes) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("image of ", bytes, " bytes does not fit into one message: the limit is ",
                   options.max_message_bytes, " bytes"));
}

// The limits of a request, none of which is too large for a message.
RequestLimits SendableLimits(const ClientOptions& options) {
  RequestLimits limits = options.request;
  const size_t most = std::max(options.max_message_bytes, kRequestOverhead) - kRequestOverhead;
  limits.bytes = std::min(limits.bytes, most);
  return limits;
}

// One Embed or Classify call of many requests. `Send` does the RPC.
template <typename Request, typename Response, typename Result, typename Options>
class BatchCall {
 public:
  using Send = std::function<absl::Status(const Request&, Response&)>;

  BatchCall(const ClientOptions& client, const Options& options, std::span<const ImageInput> images,
            Send send)
      : client_(client),
        options_(options),
        images_(images),
        send_(std::move(send)),
        results_(images.size()) {}

  absl::StatusOr<std::vector<Result>> Run() {
    if (!IsPrintableAscii(options_.traceparent)) {
      return absl::InvalidArgumentError(
          "traceparent has characters other than printable ASCII: it cannot be sent in a header");
    }
    const std::vector<ImageRange> ranges = Plan();
    const std::vector<absl::Status> statuses = SendAll(
        ranges, client_.max_requests_in_flight,
        [this](const ImageRange& range) { return SendRange(range); }, options_.on_progress);
    const auto failed = [](const absl::Status& status) { return !status.ok(); };
    if (!ranges.empty() && std::all_of(statuses.begin(), statuses.end(), failed)) {
      return statuses.front();
    }
    for (size_t i = 0; i < ranges.size(); ++i) {
      if (!statuses[i].ok()) SetErrors(ranges[i], statuses[i]);
    }
    return std::move(results_);
  }

 private:
  // Sorts out what cannot be sent, and cuts the rest into requests: ranges of sendable_.
  std::vector<ImageRange> Plan() {
    std::vector<size_t> bytes;
    for (size_t i = 0; i < images_.size(); ++i) {
      const absl::Status status = CheckSendable(client_, images_[i]);
      if (!status.ok()) {
        SetError(status, results_[i]);
        continue;
      }
      sendable_.push_back(i);
      bytes.push_back(PayloadBytes(images_[i]));
    }
    return SplitIntoRequests(bytes, SendableLimits(client_));
  }

  absl::Status SendRange(const ImageRange& range) {
    Request request = StartRequest(options_);
    request.set_model(options_.model);
    *request.mutable_budget() = options_.budget;
    for (size_t i = 0; i < range.count; ++i) {
      FillImage(images_[sendable_[range.first + i]], *request.add_images());
    }
    Response response;
    if (absl::Status status = send_(request, response); !status.ok()) return status;
    if (response.items_size() != static_cast<int>(range.count)) {
      return absl::InternalError(absl::StrCat("the server sent ", response.items_size(),
                                              " items for ", range.count, " images"));
    }
    for (size_t i = 0; i < range.count; ++i) {
      results_[sendable_[range.first + i]] = FromProto(response.items(static_cast<int>(i)));
    }
    return absl::OkStatus();
  }

  void SetErrors(const ImageRange& range, const absl::Status& status) {
    for (size_t i = 0; i < range.count; ++i) {
      SetError(status, results_[sendable_[range.first + i]]);
    }
  }

  const ClientOptions& client_;
  const Options& options_;
  const std::span<const ImageInput> images_;
  const Send send_;
  std::vector<size_t> sendable_;  // indices into images_
  std::vector<Result> results_;   // threads write different elements
};

}  // namespace

Client::Client(std::unique_ptr<State> state) : state_(std::move(state)) {}
Client::~Client() = default;

absl::StatusOr<std::unique_ptr<Client>> Client::Create(ClientOptions options) {
  if (absl::Status status = ValidateClientOptions(options); !status.ok()) return status;
  const std::shared_ptr<grpc::Channel> channel = OpenChannel(options);
  auto state = std::make_unique<State>();
  state->options = std::move(options);
  state->inference = v1::Inference::NewStub(channel);
  state->models = v1::Models::NewStub(channel);
  state->health = grpc::health::v1::Health::NewStub(channel);
  return std::unique_ptr<Client>(new Client(std::move(state)));
}

absl::StatusOr<std::vector<EmbedResult>> Client::Embed(std::span<const ImageInput> images,
                                                       const EmbedOptions& options) const {
  const auto send = [&](const v1::EmbedRequest& request, v1::EmbedResponse& response) {
    return Call(state_->options, {options.timeout, options.traceparent}, *state_->inference,
                &v1::Inference::Stub::Embed, request, response);
  };
  return BatchCall<v1::EmbedRequest, v1::EmbedResponse, EmbedResult, EmbedOptions>(
             state_->options, options, images, send)
      .Run();
}

absl::StatusOr<std::vector<ClassifyResult>> Client::Classify(std::span<const ImageInput> images,
                                                             const ClassifyOptions& options) const {
  const auto send = [&](const v1::ClassifyRequest& request, v1::ClassifyResponse& response) {
    return Call(state_->options, {options.timeout, options.traceparent}, *state_->inference,
                &v1::Inference::Stub::Classify, request, response);
  };
  return BatchCall<v1::ClassifyRequest, v1::ClassifyResponse, ClassifyResult, ClassifyOptions>(
             state_->options, options, images, send)
      .Run();
}

absl::StatusOr<std::vector<v1::ModelInfo>> Client::ListModels(absl::Duration timeout) const {
  v1::ListModelsResponse response;
  const absl::Status status =
      Call(state_->options, {timeout}, *state_->models, &v1::Models::Stub::ListModels,
           v1::ListModelsRequest(), response);
  if (!status.ok()) return status;
  return std::vector<v1::ModelInfo>(response.models().begin(), response.models().end());
}

absl::StatusOr<v1::ModelInfo> Client::GetModel(const std::string& name,
                                               absl::Duration timeout) const {
  v1::GetModelRequest request;
  request.set_model(name);
  v1::ModelInfo response;
  const absl::Status status = Call(state_->options, {timeout}, *state_->models,
                                   &v1::Models::Stub::GetModel, request, response);
  if (!status.ok()) return status;
  return response;
}

absl::StatusOr<Health> Client::Check(const std::string& service, absl::Duration timeout) const {
  grpc::health::v1::HealthCheckRequest request;
  request.set_service(service);
  grpc::health::v1::HealthCheckResponse response;
  grpc::ClientContext context;
  PrepareContext(state_->options, timeout, context);
  const grpc::Status status = state_->health->Check(&context, request, &response);
  if (!status.ok()) return MakeAttempt(status, context).status;
  switch (response.status()) {
    case grpc::health::v1::HealthCheckResponse::SERVING:
      return Health::kServing;
    case grpc::health::v1::HealthCheckResponse::NOT_SERVING:
      return Health::kNotServing;
    default:
      return Health::kUnknown;
  }
}

}  // namespace snapvit::client
