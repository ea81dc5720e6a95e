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
#include <functional>
#include <limits>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/random.h"
#include "core/base/sha256.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "inference/grpc_service.grpc.pb.h"
#include "snapvit/v1/inference.grpc.pb.h"
#include "snapvit/v1/models.grpc.pb.h"
#include "tests/e2e/soak_references.h"

namespace snapvit {
namespace {

using inference::GRPCInferenceService;
using inference::ModelInferRequest;
using inference::ModelInferResponse;
using ContextPtr = std::shared_ptr<grpc::ClientContext>;

constexpr char kWalkIn[] = "walkin";  // has no limits
const char* const kStayers[] = {kWalkIn, "search", "backfill", "metered"};
constexpr int kConnections = 4;
constexpr uint32_t kBestClasses = 3;
constexpr int kMostStreamMessages = 20;
// Microseconds until a caller who was refused asks again, on average.
constexpr int kBackOff = 50'000;
// Longer than anything takes: whoever waits so long has found an error.
constexpr auto kPatience = std::chrono::minutes(2);

std::string KeyOf(const std::string& tenant) { return tenant + "-key"; }

std::string TenantText(const std::string& name, const std::string& settings) {
  Sha256 hash;
  const std::string key = KeyOf(name);
  hash.Add(key.data(), key.size());
  return absl::StrCat("  ", name, ":\n    keys: sha256:", hash.HexDigest(), "\n", settings);
}

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

// Other tenants' requests may be refused before their images are looked at.
bool HasFaults(Random& random, const std::string& tenant) {
  return tenant == kWalkIn && random.Below(3) == 0;
}

double Double(const ModelInferResponse& response, const char* name) {
  const auto found = response.parameters().find(name);
  return found == response.parameters().end() ? 0 : found->second.double_param();
}

// Runs functions at their times.
class Timer {
 public:
  Timer() : thread_([this] { Run(); }) {}
  // What is not due yet is dropped.
  ~Timer() {
    {
      const std::scoped_lock lock(mu_);
      stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  void After(std::chrono::microseconds time, std::function<void()> function) {
    {
      const std::scoped_lock lock(mu_);
      functions_.emplace(std::chrono::steady_clock::now() + time, std::move(function));
    }
    changed_.notify_all();
  }

 private:
  void Run() {
    std::unique_lock lock(mu_);
    while (!stopping_) {
      if (functions_.empty()) {
        changed_.wait(lock);
        continue;
      }
      const auto next = functions_.begin();
      if (next->first > std::chrono::steady_clock::now()) {
        changed_.wait_until(lock, std::chrono::steady_clock::time_point(next->first));
        continue;
      }
      const std::function<void()> function = std::move(next->second);
      functions_.erase(next);
      lock.unlock();
      function();
      lock.lock();
    }
  }

  std::mutex mu_;
  std::condition_variable changed_;
  std::multimap<std::chrono::steady_clock::time_point, std::function<void()>> functions_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace

std::string SoakTenants(double gflop) {
  return absl::StrCat(
      "tenants:\n", TenantText(kWalkIn, ""),
      TenantText("search",
                 "    weight: 3\n    default_budget: 0.8\n    floor: 0.5\n    ceiling: 0.9\n"),
      TenantText("backfill", "    priority: batch\n    concurrency: 24\n"),
      TenantText("metered", absl::StrCat("    rate_gflops: ", 60 * gflop, "\n")),
      TenantText(kLeaver, ""));
}

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

  std::string PickTenant(Random& random) const;
  v1::Budget PickBudget(Random& random) const;
  // Adds images to `request`; their indices. Of a request that fails as a whole a caller cannot
  // tell whether one of its images was found to be broken before: such an image comes alone.
  template <typename Request>
  std::vector<int> AddImages(Random& random, bool with_faults, Request& request) const;
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
  std::unique_ptr<Timer> timer_;

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
    const ContextPtr context = MakeContext(KeyOf(kWalkIn));
    v1::ModelInfo model;
    EXPECT_TRUE(v1::Models::NewStub(channel)->GetModel(context.get(), {}, &model).ok());
    references = std::make_unique<SoakReferences>(*stubs_[0], model, kWalkIn, tally);
  }
}

void SoakLoad::State::Start() {
  timer_ = std::make_unique<Timer>();
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
        tenant_(load->PickTenant(random_)),
        context_(MakeContext(KeyOf(tenant_))),
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
    *request_.mutable_budget() = load_.PickBudget(random_);
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

std::string SoakLoad::State::PickTenant(Random& random) const {
  return random.Below(8) == 0 ? kLeaver : kStayers[random.Below(4)];
}

v1::Budget SoakLoad::State::PickBudget(Random& random) const {
  v1::Budget budget;
  switch (random.Below(12)) {
    case 0:
    case 1:
      break;  // the tenant's default
    case 2:
      budget.set_sparsity(random.Uniform(0, 0.7));
      break;
    case 3:
      budget.set_gflops(references->model().gflops() * random.Uniform(0.2, 1.1));
      break;
    case 4:
      budget.mutable_latency()->set_nanos(1 + random.Below(100'000'000));
      break;
    case 5:
      budget.set_fidelity(random.Uniform(0.8, 1));
      break;
    case 6:
      budget.mutable_ratios()->set_mlp(random.Uniform(0, 0.6));
      budget.mutable_ratios()->set_heads(random.Uniform(0, 0.6));
      break;
    default:
      budget.set_compute(random.Uniform(0.2, 1));
  }
  if (random.Below(6) == 0) budget.set_floor_compute(random.Uniform(0.2, 0.9));
  if (random.Below(12) == 0) budget.set_strict(true);
  return budget;
}

template <typename Request>
std::vector<int> SoakLoad::State::AddImages(Random& random, bool with_faults,
                                            Request& request) const {
  std::vector<int> indices;
  const int count = 1 + random.Below(random.Below(4) + 1);
  while (static_cast<int>(indices.size()) < count) {
    const std::vector<SoakImage>& images = references->images();
    const int choice = with_faults ? static_cast<int>(images.size()) : references->good_images();
    const int index = random.Below(choice);
    const bool alone = images[index].fault == SoakFault::kWhenDecoded;
    if (alone && !indices.empty()) continue;
    indices.push_back(index);
    *request.add_images() = images[index].image;
    if (alone) break;
  }
  return indices;
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
  call->context = MakeContext(KeyOf(tenant));
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
  Random& random = caller.random;
  const std::string tenant = PickTenant(random);
  v1::EmbedRequest request;
  const std::vector<int> images = AddImages(random, HasFaults(random, tenant), request);
  *request.mutable_budget() = PickBudget(random);
  request.set_id(absl::StrCat(random.Bits()));
  // Several may end for several reasons, of which a caller is told one.
  if (images.size() == 1 && random.Below(4) == 0) {
    request.mutable_timeout()->set_nanos(1 + random.Below(60'000'000));
  }
  if (random.Below(8) == 0) request.mutable_output()->set_dimensions(1 + random.Below(8));
  const std::string id = request.id();
  Send<v1::EmbedRequest, v1::EmbedResponse>(
      caller, tenant, "embed",
      [&caller](auto* context, auto* sent, auto* reply, auto done) {
        caller.stub->async()->Embed(context, sent, reply, std::move(done));
      },
      std::move(request), images,
      [this, tenant, id](const v1::EmbedResponse& reply, const std::vector<int>& of) {
        EXPECT_EQ(reply.id(), id);
        ASSERT_EQ(reply.items_size(), static_cast<int>(of.size()));
        for (size_t i = 0; i < of.size(); ++i) CountItem(tenant, of[i], reply.items(i));
      });
}

void SoakLoad::State::Classify(Caller& caller) {
  Random& random = caller.random;
  const std::string tenant = PickTenant(random);
  v1::ClassifyRequest request;
  const std::vector<int> images = AddImages(random, HasFaults(random, tenant), request);
  *request.mutable_budget() = PickBudget(random);
  request.set_top_k(kBestClasses);
  Send<v1::ClassifyRequest, v1::ClassifyResponse>(
      caller, tenant, "classify",
      [&caller](auto* context, auto* sent, auto* reply, auto done) {
        caller.stub->async()->Classify(context, sent, reply, std::move(done));
      },
      std::move(request), images,
      [this, tenant](const v1::ClassifyResponse& reply, const std::vector<int>& of) {
        ASSERT_EQ(reply.items_size(), static_cast<int>(of.size()));
        for (size_t i = 0; i < of.size(); ++i) CountItem(tenant, of[i], reply.items(i));
      });
}

// One image a request: of several there is one receipt.
void SoakLoad::State::Infer(Caller& caller) {
  Random& random = caller.random;
  const std::string tenant = PickTenant(random);
  int image = 0;
  do {
    image = random.Below(references->good_images());
  } while (!references->images()[image].image.has_encoded());
  ModelInferRequest request;
  request.set_model_name(references->model().name());
  request.set_id(absl::StrCat(random.Bits()));
  auto* input = request.add_inputs();
  input->set_name("image");
  input->set_datatype("BYTES");
  input->add_shape(1);
  input->mutable_contents()->add_bytes_contents(references->images()[image].image.encoded());
  request.add_outputs()->set_name("embedding");
  (*request.mutable_parameters())["budget"].set_double_param(random.Uniform(0.2, 1));
  Send<ModelInferRequest, ModelInferResponse>(
      caller, tenant, "infer",
      [&caller](auto* context, auto* sent, auto* reply, auto done) {
        caller.open_stub->async()->ModelInfer(context, sent, reply, std::move(done));
      },
      std::move(request), {image},
      [this, tenant](const ModelInferResponse& reply, const std::vector<int>& of) {
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

// Requests that the server refuses.
void SoakLoad::State::Malformed(Caller& caller) {
  Random& random = caller.random;
  std::string tenant = kWalkIn;
  v1::EmbedRequest request;
  *request.add_images() = references->images()[0].image;
  switch (random.Below(7)) {
    case 0:
      request.mutable_budget()->set_compute(random.Uniform(1.5, 9));
      break;
    case 1:
      request.mutable_budget()->set_compute(std::numeric_limits<double>::quiet_NaN());
      break;
    case 2:
      request.set_model("another");
      break;
    case 3:
      request.clear_images();
      break;
    case 4:
      for (int i = 0; i < 200; ++i) request.add_images();
      break;
    case 5:
      request.mutable_output()->set_dimensions(1'000'000);
      break;
    default:
      tenant = "other";  // what callers with an unknown key are counted as
  }
  Send<v1::EmbedRequest, v1::EmbedResponse>(
      caller, tenant, "embed",
      [&caller](auto* context, auto* sent, auto* reply, auto done) {
        caller.stub->async()->Embed(context, sent, reply, std::move(done));
      },
      std::move(request), {},
      [](const v1::EmbedResponse& /*reply*/, const std::vector<int>& /*of*/) {
        ADD_FAILURE() << "a malformed request was answered";
      });
}

// Bytes that are no request: gRPC refuses them.
void SoakLoad::State::Unreadable(Caller& caller) {
  struct Call {
    grpc::ByteBuffer request;
    grpc::ByteBuffer response;
    ContextPtr context = MakeContext(KeyOf(kWalkIn));
  };
  auto call = std::make_shared<Call>();
  const bool too_large = caller.random.Below(50) == 0;
  // An end-group tag without a group.
  std::string bytes(too_large ? options.message_bytes + 1 : 1 + caller.random.Below(2000), '\x0c');
  const grpc::Slice slice(bytes);
  call->request = grpc::ByteBuffer(&slice, 1);
  const char* method =
      caller.random.Below(4) == 0 ? "/snapvit.v1.Inference/Unknown" : "/snapvit.v1.Inference/Embed";
  ++unseen;
  caller.generic_stub->UnaryCall(call->context.get(), method, {}, &call->request, &call->response,
                                 [this, &caller, call](const grpc::Status& status) {
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
