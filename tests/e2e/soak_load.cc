#include "tests/e2e/soak_load.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/client_callback.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/random.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "inference/grpc_service.grpc.pb.h"
#include "snapvit/v1/inference.grpc.pb.h"
#include "snapvit/v1/models.grpc.pb.h"
#include "tests/e2e/soak_references.h"
#include "tests/e2e/soak_requests.h"
#include "tests/e2e/soak_timer.h"

namespace snapvit {
namespace {

using inference::GRPCInferenceService;
using inference::ModelInferRequest;
using inference::ModelInferResponse;
using ContextPtr = std::shared_ptr<grpc::ClientContext>;

constexpr int kConnections = 4;
constexpr int kMostStreamMessages = 20;
// Microseconds until a caller who was refused asks again, on average.
constexpr int kBackOff = 50'000;
// Longer than anything takes: whoever waits so long has found an error.
constexpr auto kPatience = std::chrono::minutes(2);

ContextPtr MakeContext(const std::string& key) {
  auto context = std::make_shared<grpc::ClientContext>();
  context->AddMetadata("authorization", "Bearer " + key);
  context->set_deadline(std::chrono::system_clock::now() + kPatience);
  return context;
}

template <typename Details>
std::string ReasonIn(const Details& details) {
  google::rpc::ErrorInfo info;
  for (const auto& detail : details) {
    if (detail.UnpackTo(&info)) return info.reason();
  }
  return "";
}

std::string ReasonOf(const grpc::Status& status) {
  google::rpc::Status details;
  details.ParseFromString(status.error_details());
  return ReasonIn(details.details());
}

std::string CodeName(int code) {
  return absl::StatusCodeToString(static_cast<absl::StatusCode>(code));
}

// Whether a request that ended so had been understood: then its images are counted.
bool CountsImages(grpc::StatusCode code) {
  return code == grpc::StatusCode::RESOURCE_EXHAUSTED ||
         code == grpc::StatusCode::DEADLINE_EXCEEDED || code == grpc::StatusCode::CANCELLED ||
         code == grpc::StatusCode::INTERNAL || code == grpc::StatusCode::UNAVAILABLE;
}

double Double(const ModelInferResponse& response, const char* name) {
  const auto found = response.parameters().find(name);
  return found == response.parameters().end() ? 0 : found->second.double_param();
}

}  // namespace

class SoakLoad::State {
 public:
  explicit State(Options options);

  void Start();
  void Stop();

  const Options options;
  SoakTally tally;
  SoakTally leaver_tally;
  std::atomic<uint64_t> leaver_sent = 0;
  std::atomic<uint64_t> unseen = 0;
  std::unique_ptr<SoakReferences> references;

 private:
  class StreamCall;

  struct Caller {
    int index = 0;
    Random random{0};
    v1::Inference::Stub* stub = nullptr;
    GRPCInferenceService::Stub* open_stub = nullptr;
    grpc::GenericStub* generic_stub = nullptr;
  };

  // The caller's next request. After each there is another, until Stop().
  void Next(Caller& caller);
  void Embed(Caller& caller);
  void Classify(Caller& caller);
  void Infer(Caller& caller);
  void Malformed(Caller& caller);
  void Unreadable(Caller& caller);

  // Of kLeaver: it will not wait for the end.
  void Hurry(Random& random, const ContextPtr& context);

  // Sends `request` with `method` and counts it under `name`, its images, and their answers, which
  // `check` looks at.
  template <typename Request, typename Response, typename Begin, typename OnOk>
  void Send(Caller& caller, const std::string& tenant, const std::string& name, Begin begin,
            Request request, std::vector<int> images, OnOk on_ok);
  void CountFailed(const std::string& tenant, const grpc::Status& status,
                   const std::vector<int>& images);
  // `check`: of an item that was answered.
  template <typename Item>
  void CountItem(const std::string& tenant, int image, const Item& item);
  void Check(int image, const v1::EmbedItem& item);
  void Check(int image, const v1::ClassifyItem& item);
  SoakTally& TallyOf(const std::string& tenant) { return tenant == kLeaver ? leaver_tally : tally; }

  std::vector<std::unique_ptr<v1::Inference::Stub>> stubs_;
  std::vector<std::unique_ptr<GRPCInferenceService::Stub>> open_stubs_;
  std::vector<std::unique_ptr<grpc::GenericStub>> generic_stubs_;
  std::vector<std::unique_ptr<Caller>> callers_;
  std::unique_ptr<SoakTimer> timer_;

  std::atomic<bool> stopping_ = false;
  std::mutex mu_;
  std::condition_variable ended_;
  int running_ = 0;  // callers, guarded by mu_
};

SoakLoad::State::State(Options given) : options(std::move(given)) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxReceiveMessageSize(-1);
  for (int i = 0; i < kConnections; ++i) {
    const auto channel =
        grpc::CreateCustomChannel(options.target, grpc::InsecureChannelCredentials(), arguments);
    stubs_.push_back(v1::Inference::NewStub(channel));
    open_stubs_.push_back(GRPCInferenceService::NewStub(channel));
    generic_stubs_.push_back(std::make_unique<grpc::GenericStub>(channel));
    if (i > 0) continue;
    const ContextPtr context = MakeContext(SoakKeyOf(kWalkIn));
    v1::ModelInfo model;
    EXPECT_TRUE(v1::Models::NewStub(channel)->GetModel(context.get(), {}, &model).ok());
    references = std::make_unique<SoakReferences>(*stubs_[0], model, kWalkIn, tally);
  }
}

void SoakLoad::State::Start() {
  timer_ = std::make_unique<SoakTimer>();
  running_ = options.callers;
  for (int i = 0; i < options.callers; ++i) {
    callers_.push_back(std::make_unique<Caller>());
    Caller& caller = *callers_.back();
    caller.index = i;
    caller.random = Random(options.seed, i);
    caller.stub = stubs_[i % kConnections].get();
    caller.open_stub = open_stubs_[i % kConnections].get();
    caller.generic_stub = generic_stubs_[i % kConnections].get();
  }
  for (const auto& caller : callers_) Next(*caller);
}

void SoakLoad::State::Stop() {
  stopping_ = true;
  std::unique_lock lock(mu_);
  ended_.wait(lock, [this] { return running_ == 0; });
  lock.unlock();
  timer_.reset();
}

// --- What is sent ---

// An EmbedStream call with many messages of one image each.
class SoakLoad::State::StreamCall final
    : public grpc::ClientBidiReactor<v1::EmbedRequest, v1::EmbedResponse> {
 public:
  StreamCall(State* load, Caller* caller)
      : load_(*load),
        caller_(*caller),
        random_(caller->random.Bits()),
        tenant_(PickTenant(random_)),
        context_(MakeContext(SoakKeyOf(tenant_))),
        left_(1 + random_.Below(kMostStreamMessages)),
        half_closes_(tenant_ != kLeaver || random_.Below(2) == 0) {
    if (tenant_ == kLeaver) load_.Hurry(random_, context_);
    caller->stub->async()->EmbedStream(context_.get(), this);
    StartRead(&reply_);
    AddHold();  // until the last write has begun
    Write();
    StartCall();
  }

 private:
  void Write() {
    request_.Clear();
    const int image = random_.Below(load_.references->good_images());
    *request_.add_images() = load_.references->images()[image].image;
    *request_.mutable_budget() = PickBudget(random_, load_.references->model());
    request_.set_id(absl::StrCat(image));
    if (tenant_ == kLeaver) ++load_.leaver_sent;
    ++sent_;
    StartWrite(&request_);
  }

  void OnWriteDone(bool ok) override {
    if (ok && --left_ > 0) return Write();
    // Who does not close its side is cancelled.
    if (ok && half_closes_) StartWritesDone();
    RemoveHold();
  }

  void OnReadDone(bool ok) override {
    if (!ok) return;
    ++answered_;
    EXPECT_EQ(reply_.items_size(), 1);
    const v1::EmbedItem& item = reply_.items(0);
    load_.TallyOf(tenant_).CountRequest(tenant_, "embed", CodeName(item.error().code()));
    const bool understood = item.error().code() == 0 ||
                            CountsImages(static_cast<grpc::StatusCode>(item.error().code()));
    if (understood) load_.CountItem(tenant_, std::stoi(reply_.id()), item);
    StartRead(&reply_);
  }

  void OnDone(const grpc::Status& status) override {
    if (tenant_ != kLeaver) {
      EXPECT_TRUE(status.ok()) << status.error_message();
      EXPECT_EQ(answered_, sent_);
    }
    State& load = load_;
    Caller& caller = caller_;
    delete this;
    load.Next(caller);
  }

  State& load_;
  Caller& caller_;
  Random random_;
  const std::string tenant_;
  const ContextPtr context_;
  int left_;
  const bool half_closes_;
  std::atomic<int> sent_ = 0;
  std::atomic<int> answered_ = 0;
  v1::EmbedRequest request_;
  v1::EmbedResponse reply_;
};

void SoakLoad::State::Next(Caller& caller) {
  if (stopping_) {
    const std::scoped_lock lock(mu_);
    if (--running_ == 0) ended_.notify_all();
    return;
  }
  const double kind = caller.random.Uniform();
  if (kind < 0.60) return Embed(caller);
  if (kind < 0.75) return Classify(caller);
  if (kind < 0.85) return Infer(caller);
  if (kind < 0.95) return Malformed(caller);
  if (kind < 0.97) return Unreadable(caller);
  new StreamCall(this, &caller);  // deletes itself
}

void SoakLoad::State::Hurry(Random& random, const ContextPtr& context) {
  const auto patience = std::chrono::microseconds(random.Below(30'000));
  if (random.Below(2) == 0) {
    context->set_deadline(std::chrono::system_clock::now() + patience);
  } else {
    timer_->After(patience, [context] { context->TryCancel(); });
  }
}

template <typename Request, typename Response, typename Begin, typename OnOk>
void SoakLoad::State::Send(Caller& caller, const std::string& tenant, const std::string& name,
                           Begin begin, Request request, std::vector<int> images, OnOk on_ok) {
  struct Call {
    Request request;
    Response response;
    ContextPtr context;
  };
  auto call = std::make_shared<Call>();
  call->request = std::move(request);
  call->context = MakeContext(SoakKeyOf(tenant));
  if (tenant == kLeaver) {
    Hurry(caller.random, call->context);
    ++leaver_sent;
  }
  begin(call->context.get(), &call->request, &call->response,
        [this, &caller, call, tenant, name, images = std::move(images),
         on_ok](const grpc::Status& status) {
          TallyOf(tenant).CountRequest(tenant, name, CodeName(status.error_code()));
          if (status.ok()) {
            on_ok(call->response, images);
          } else {
            CountFailed(tenant, status, images);
          }
          if (status.error_code() != grpc::StatusCode::RESOURCE_EXHAUSTED) return Next(caller);
          timer_->After(std::chrono::microseconds(caller.random.Below(2 * kBackOff)),
                        [this, &caller] { Next(caller); });
        });
}

void SoakLoad::State::Embed(Caller& caller) {
  auto [tenant, request, images] = RandomEmbed(caller.random, *references);
  const std::string id = request.id();
  Send<v1::EmbedRequest, v1::EmbedResponse>(
      caller, tenant, "embed",
      [&caller](auto* context, auto* sent, auto* reply, auto done) {
        caller.stub->async()->Embed(context, sent, reply, std::move(done));
      },
      std::move(request), images,
      [this, tenant = tenant, id](const v1::EmbedResponse& reply, const std::vector<int>& of) {
        EXPECT_EQ(reply.id(), id);
        ASSERT_EQ(reply.items_size(), static_cast<int>(of.size()));
        for (size_t i = 0; i < of.size(); ++i) CountItem(tenant, of[i], reply.items(i));
      });
}

void SoakLoad::State::Classify(Caller& caller) {
  auto [tenant, request, images] = RandomClassify(caller.random, *references);
  Send<v1::ClassifyRequest, v1::ClassifyResponse>(
      caller, tenant, "classify",
      [&caller](auto* context, auto* sent, auto* reply, auto done) {
        caller.stub->async()->Classify(context, sent, reply, std::move(done));
      },
      std::move(request), images,
      [this, tenant = tenant](const v1::ClassifyResponse& reply, const std::vector<int>& of) {
        ASSERT_EQ(reply.items_size(), static_cast<int>(of.size()));
        for (size_t i = 0; i < of.size(); ++i) CountItem(tenant, of[i], reply.items(i));
      });
}

void SoakLoad::State::Infer(Caller& caller) {
  auto [tenant, request, images] = RandomInfer(caller.random, *references);
  Send<ModelInferRequest, ModelInferResponse>(
      caller, tenant, "infer",
      [&caller](auto* context, auto* sent, auto* reply, auto done) {
        caller.open_stub->async()->ModelInfer(context, sent, reply, std::move(done));
      },
      std::move(request), images,
      [this, tenant = tenant](const ModelInferResponse& reply, const std::vector<int>& of) {
        v1::Receipt receipt;
        receipt.set_requested_compute(Double(reply, "requested_compute"));
        receipt.set_served_compute(Double(reply, "served_compute"));
        receipt.set_gflops(Double(reply, "gflops"));
        receipt.set_rung(reply.parameters().at("rung").int64_param());
        v1::Reason reason = v1::REASON_UNSPECIFIED;
        v1::Reason_Parse("REASON_" + reply.parameters().at("reason").string_param(), &reason);
        receipt.set_reason(reason);
        TallyOf(tenant).CountServed(tenant, receipt);
        std::vector<float> values(reply.raw_output_contents(0).size() / sizeof(float));
        std::memcpy(values.data(), reply.raw_output_contents(0).data(),
                    values.size() * sizeof(float));
        references->CheckEmbedding(of[0], receipt.rung(), values);
      });
}

void SoakLoad::State::Malformed(Caller& caller) {
  auto [tenant, request, images] = RandomMalformed(caller.random, *references);
  Send<v1::EmbedRequest, v1::EmbedResponse>(
      caller, tenant, "embed",
      [&caller](auto* context, auto* sent, auto* reply, auto done) {
        caller.stub->async()->Embed(context, sent, reply, std::move(done));
      },
      std::move(request), images,
      [](const v1::EmbedResponse& /*reply*/, const std::vector<int>& /*of*/) {
        ADD_FAILURE() << "a malformed request was answered";
      });
}

// Bytes that are no request. Too many of them, or a call of no method, gRPC refuses by itself.
void SoakLoad::State::Unreadable(Caller& caller) {
  struct Call {
    grpc::ByteBuffer request;
    grpc::ByteBuffer response;
    ContextPtr context = MakeContext(SoakKeyOf(kWalkIn));
  };
  auto call = std::make_shared<Call>();
  const bool too_large = caller.random.Below(50) == 0;
  // An end-group tag without a group.
  std::string bytes(too_large ? options.message_bytes + 1 : 1 + caller.random.Below(2000), '\x0c');
  const grpc::Slice slice(bytes);
  call->request = grpc::ByteBuffer(&slice, 1);
  const bool no_method = caller.random.Below(4) == 0;
  const char* method = no_method ? "/snapvit.v1.Inference/Unknown" : "/snapvit.v1.Inference/Embed";
  const bool seen = !too_large && !no_method;
  if (!seen) ++unseen;
  caller.generic_stub->UnaryCall(
      call->context.get(), method, {}, &call->request, &call->response,
      [this, &caller, call, seen](const grpc::Status& status) {
        if (seen) {
          EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
          tally.CountRequest(kWalkIn, "embed", CodeName(status.error_code()));
        }
        EXPECT_FALSE(status.ok());
        Next(caller);
      });
}

// --- What comes back ---

void SoakLoad::State::CountFailed(const std::string& tenant, const grpc::Status& status,
                                  const std::vector<int>& images) {
  if (!CountsImages(status.error_code())) return;
  const std::string reason = ReasonOf(status);
  for (const int image : images) {
    // It had a fault of its own before its request was refused.
    const bool faulty = references->images()[image].fault == SoakFault::kAtArrival;
    TallyOf(tenant).CountUnserved(tenant, faulty ? "" : reason);
  }
}

template <typename Item>
void SoakLoad::State::CountItem(const std::string& tenant, int image, const Item& item) {
  if (item.has_error()) {
    TallyOf(tenant).CountUnserved(tenant, ReasonIn(item.error().details()));
    return;
  }
  EXPECT_EQ(references->images()[image].fault, SoakFault::kNone);
  TallyOf(tenant).CountServed(tenant, item.receipt());
  Check(image, item);
}

void SoakLoad::State::Check(int image, const v1::EmbedItem& item) {
  const auto& values = item.embedding().values();
  references->CheckEmbedding(image, item.receipt().rung(),
                             {values.data(), static_cast<size_t>(values.size())});
}

void SoakLoad::State::Check(int image, const v1::ClassifyItem& item) {
  references->CheckLabels(image, item.receipt().rung(), item.labels());
}

// --- SoakLoad ---

SoakLoad::SoakLoad(Options options) : state_(std::make_unique<State>(std::move(options))) {}
SoakLoad::~SoakLoad() = default;

void SoakLoad::Start() { state_->Start(); }
void SoakLoad::Stop() { state_->Stop(); }
const SoakTally& SoakLoad::tally() const { return state_->tally; }
const SoakTally& SoakLoad::leaver_tally() const { return state_->leaver_tally; }
uint64_t SoakLoad::leaver_sent() const { return state_->leaver_sent; }
uint64_t SoakLoad::unseen() const { return state_->unseen; }
uint64_t SoakLoad::answers_compared() const { return state_->references->compared(); }
uint64_t SoakLoad::answers_inexact() const { return state_->references->inexact(); }

}  // namespace snapvit
