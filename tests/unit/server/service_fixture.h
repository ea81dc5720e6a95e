// ServiceTest: the gRPC services on an engine without a model, called through a channel inside the
// process.
#ifndef SNAPVIT_TESTS_UNIT_SERVER_SERVICE_FIXTURE_H_
#define SNAPVIT_TESTS_UNIT_SERVER_SERVICE_FIXTURE_H_

#include <grpcpp/channel.h>
#include <grpcpp/server.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "core/scheduling/executor.h"
#include "google/rpc/error_details.pb.h"
#include "server/active_calls.h"
#include "server/admin_service.h"
#include "server/authenticator.h"
#include "server/call_set.h"
#include "server/governor_control.h"
#include "server/inference_service.h"
#include "server/models_service.h"
#include "server/open_inference_service.h"
#include "server/scheduler_metrics.h"
#include "server/tenant_directory.h"
#include "snapvit/v1/admin.grpc.pb.h"
#include "snapvit/v1/inference.grpc.pb.h"
#include "snapvit/v1/models.grpc.pb.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/temporary_folder.h"
#include "tests/unit/server/gated_engine.h"

namespace snapvit {

// A model of 8 × 8 pixels, 16 components and 4 classes, with a ladder, named "tiny".
std::shared_ptr<ServedModel> MakeServedModel(int classes = 4);

class ServiceTest : public ::testing::Test {
 protected:
  // Takes what tests change before Start().
  InferenceContext context_;
  Executor::Options executor_options_;
  std::string tenants_file_;  // content; empty: one open tenant
  RequestLog::Options log_options_;

  ServiceTest();
  ~ServiceTest() override;

  // Serves `model`; null: is still loading.
  void Start(std::shared_ptr<const ServedModel> model = MakeServedModel());

  // Requests of one image per element. "jpeg" stands for a real one; anything else is sent as it
  // is.
  static v1::EmbedRequest EmbedOf(const std::vector<std::string>& images);
  // A request of `images` valid tensors.
  static v1::EmbedRequest TensorRequest(int images);

  // `key`: of the tenant that asks; empty: none is sent.
  grpc::Status Embed(const v1::EmbedRequest& request, v1::EmbedResponse* response,
                     const std::string& key = "");
  grpc::Status Classify(const v1::ClassifyRequest& request, v1::ClassifyResponse* response);
  // The reason of ErrorInfo; empty if there is none.
  static std::string ReasonOf(const std::string& serialized_status);
  static std::string ReasonOf(const grpc::Status& status) {
    return ReasonOf(status.error_details());
  }

  std::unique_ptr<v1::Inference::Stub> inference_;
  // A tenant of a tenants file, indented as one, with the key "<name>-key" and `settings`, each a
  // line.
  static std::string TenantOf(const std::string& name,
                              const std::vector<std::string>& settings = {});
  // Replaces the tenants file and reads it.
  absl::Status RewriteTenants(const std::string& content);
  // RetryInfo's delay; nothing if there is none.
  static std::optional<absl::Duration> RetryDelayOf(const grpc::Status& status);

  // What the server has logged so far.
  std::string LogText() const { return log_text_.str(); }

  // For files of the test.
  const TemporaryFolder& folder() const { return folder_; }

  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::Models::Stub> models_;
  std::unique_ptr<inference::GRPCInferenceService::Stub> open_inference_;
  std::unique_ptr<v1::Admin::Stub> admin_;
  GatedEngine engine_;
  ServingState state_{"tiny"};
  Metrics metrics_;
  FakeClock rate_clock_;  // of rate limits
  GovernorControl governor_;
  AdminContext admin_context_;  // taken by Start(): hooks are the test's
  std::unique_ptr<TenantDirectory> tenants_;
  std::unique_ptr<Executor> executor_;
  ActiveCalls calls_;
  CallSet call_set_{/*max_streams=*/8};

 private:
  std::ostringstream log_text_;
  Logger log_;
  LogLimiter authentication_log_;
  TemporaryFolder folder_;
  std::unique_ptr<RequestLog> request_log_;
  std::unique_ptr<Authenticator> authenticator_;
  SchedulerMetrics scheduler_metrics_;
  std::unique_ptr<InferenceService> inference_service_;
  std::unique_ptr<OpenInferenceService> open_inference_service_;
  std::unique_ptr<ModelsService> models_service_;
  std::unique_ptr<AdminService> admin_service_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace snapvit

#endif  // SNAPVIT_TESTS_UNIT_SERVER_SERVICE_FIXTURE_H_
