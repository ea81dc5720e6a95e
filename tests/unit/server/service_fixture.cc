#include "tests/unit/server/service_fixture.h"

#include <grpcpp/client_context.h>
#include <grpcpp/server_builder.h>
#include <spdlog/sinks/ostream_sink.h>

#include <utility>

#include "core/base/file.h"
#include "core/base/sha256.h"
#include "core/scheduling/elastic_policy.h"
#include "google/rpc/status.pb.h"
#include "tests/testing/orderings.h"
#include "tests/testing/vit_configs.h"

namespace snapvit {
namespace {

constexpr int kSize = 8;

Metrics::Options MetricsOptions() {
  Metrics::Options options;
  options.model = "tiny";
  return options;
}

}  // namespace

std::shared_ptr<ServedModel> MakeServedModel(int classes) {
  const VitConfig config = MakeVitConfig(kSize, 4, 16, 3, 4, 64, classes);
  const Ordering ordering = RandomOrdering(config, 1);
  auto model = std::make_shared<ServedModel>(
      config, *Ladder::Create(config, &ordering, {.rungs = 31, .channel_multiple = 4}));
  model->name = "tiny";
  model->generation = 1;
  model->preprocessing.height = kSize;
  model->preprocessing.width = kSize;
  model->ordering_id = ordering.Id();
  model->calibration_source = "none";
  if (classes == 4) model->labels = ClassLabels({"ant", "bee", "cat", "dog"});
  for (PoolingSupport& pooling : model->poolings) {
    pooling.space_id = [](int dimensions) { return "space" + std::to_string(dimensions); };
  }
  return model;
}

ServiceTest::ServiceTest()
    : metrics_(MetricsOptions()),
      log_(LogLevel::kDebug, LogFormat::kText,
           std::make_shared<spdlog::sinks::ostream_sink_mt>(log_text_)),
      authentication_log_(Clock::Monotonic(), 1, absl::Seconds(1)),
      scheduler_metrics_(Clock::Monotonic(), &state_, &metrics_) {
  context_.max_images = 8;
  context_.max_pixels = 1'000'000;
}

ServiceTest::~ServiceTest() {
  engine_.Open();
  if (executor_ != nullptr) executor_->Drain(absl::Seconds(5));
  if (server_ != nullptr) server_->Shutdown();
}

void ServiceTest::Start(std::shared_ptr<const ServedModel> model) {
  ElasticPolicy::Options policy;
  policy.workers = executor_options_.scheduler.workers;
  executor_ = *Executor::Create(executor_options_, std::make_unique<ElasticPolicy>(policy),
                                &engine_, &scheduler_metrics_);
  TenantDirectory::Options tenants;
  if (!tenants_file_.empty()) tenants.path = folder_.Write("tenants.yaml", tenants_file_);
  tenants.clock = &rate_clock_;
  absl::StatusOr<std::unique_ptr<TenantDirectory>> directory = TenantDirectory::Create(tenants);
  ASSERT_TRUE(directory.ok()) << directory.status();
  tenants_ = *std::move(directory);
  const auto set_tenants = [this] {
    executor_->SetTenants(tenants_->Shares());
    std::vector<std::string> names;
    const auto table = tenants_->table();
    for (const TenantPtr& tenant : table->tenants()) names.push_back(tenant->policy.name);
    metrics_.SetTenants(names);
  };
  set_tenants();
  tenants_->SetOnReload([set_tenants](const absl::Status& status) {
    if (status.ok()) set_tenants();
  });
  authenticator_ =
      std::make_unique<Authenticator>(tenants_.get(), &metrics_, &log_, &authentication_log_);
  context_.authenticator = authenticator_.get();
  context_.governor = &governor_;
  context_.state = &state_;
  context_.executor = executor_.get();
  context_.metrics = &metrics_;
  log_options_.log = &log_;
  request_log_ = std::make_unique<RequestLog>(log_options_);
  context_.request_log = request_log_.get();
  context_.calls = &calls_;
  context_.call_set = &call_set_;
  inference_service_ = std::make_unique<InferenceService>(context_);
  open_inference_service_ = std::make_unique<OpenInferenceService>(context_, "0.0.1");
  models_service_ = std::make_unique<ModelsService>(&state_, authenticator_.get());
  admin_context_.state = &state_;
  admin_context_.executor = executor_.get();
  admin_context_.scheduler_metrics = &scheduler_metrics_;
  admin_context_.metrics = &metrics_;
  admin_context_.tenants = tenants_.get();
  admin_context_.governor = &governor_;
  admin_context_.log = &log_;
  admin_service_ = std::make_unique<AdminService>(admin_context_);
  grpc::ServerBuilder builder;
  builder.RegisterService(inference_service_.get());
  builder.RegisterService(open_inference_service_.get());
  builder.RegisterService(models_service_.get());
  builder.RegisterService(admin_service_.get());
  server_ = builder.BuildAndStart();
  channel_ = server_->InProcessChannel({});
  inference_ = v1::Inference::NewStub(channel_);
  models_ = v1::Models::NewStub(channel_);
  open_inference_ = inference::GRPCInferenceService::NewStub(channel_);
  admin_ = v1::Admin::NewStub(channel_);
  if (model == nullptr) return;
  state_.SetModel(std::move(model));
  state_.SetPhase(Phase::kReady, 1);
}

v1::EmbedRequest ServiceTest::EmbedOf(const std::vector<std::string>& images) {
  const std::string jpeg =
      *ReadFile(SNAPVIT_SOURCE_DIR "/tests/testdata/images/decode/grey.jpg", size_t{1} << 20);
  v1::EmbedRequest request;
  for (const std::string& image : images) {
    request.add_images()->set_encoded(image == "jpeg" ? jpeg : image);
  }
  return request;
}

v1::EmbedRequest ServiceTest::TensorRequest(int images) {
  const std::vector<float> values(3 * kSize * kSize, 0.5F);
  v1::EmbedRequest request;
  for (int i = 0; i < images; ++i) {
    v1::Tensor* tensor = request.add_images()->mutable_tensor();
    for (const int64_t length : {3, kSize, kSize}) tensor->add_shape(length);
    tensor->set_data(values.data(), values.size() * sizeof(float));
  }
  return request;
}

std::string ServiceTest::TenantOf(const std::string& name,
                                  const std::vector<std::string>& settings) {
  Sha256 hash;
  const std::string key = name + "-key";
  hash.Add(key.data(), key.size());
  std::string text = "  " + name + ":\n    keys: sha256:" + hash.HexDigest() + "\n";
  for (const std::string& setting : settings) text += "    " + setting + "\n";
  return text;
}

absl::Status ServiceTest::RewriteTenants(const std::string& content) {
  folder_.Write("tenants.yaml", content);
  return tenants_->Reload();
}

grpc::Status ServiceTest::Embed(const v1::EmbedRequest& request, v1::EmbedResponse* response,
                                const std::string& key) {
  grpc::ClientContext rpc;
  if (!key.empty()) rpc.AddMetadata("authorization", "Bearer " + key);
  return inference_->Embed(&rpc, request, response);
}

grpc::Status ServiceTest::Classify(const v1::ClassifyRequest& request,
                                   v1::ClassifyResponse* response) {
  grpc::ClientContext rpc;
  return inference_->Classify(&rpc, request, response);
}

std::string ServiceTest::ReasonOf(const std::string& serialized_status) {
  google::rpc::Status status;
  status.ParseFromString(serialized_status);
  for (const google::protobuf::Any& detail : status.details()) {
    google::rpc::ErrorInfo info;
    if (detail.UnpackTo(&info)) return info.domain() == "snapvit" ? info.reason() : "";
  }
  return "";
}

std::optional<absl::Duration> ServiceTest::RetryDelayOf(const grpc::Status& status) {
  google::rpc::Status details;
  details.ParseFromString(status.error_details());
  for (const google::protobuf::Any& detail : details.details()) {
    google::rpc::RetryInfo info;
    if (!detail.UnpackTo(&info)) continue;
    return absl::Seconds(info.retry_delay().seconds()) +
           absl::Nanoseconds(info.retry_delay().nanos());
  }
  return std::nullopt;
}

}  // namespace snapvit
