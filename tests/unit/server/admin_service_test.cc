// What operators see and change.
#include "server/admin_service.h"

#include <gmock/gmock.h>
#include <grpcpp/client_context.h>

#include <limits>
#include <thread>

#include "server/tenant_status.h"
#include "tests/unit/server/service_fixture.h"

namespace snapvit {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class AdminTest : public ServiceTest {
 protected:
  v1::Status GetStatus() {
    grpc::ClientContext rpc;
    v1::Status status;
    EXPECT_TRUE(admin_->GetStatus(&rpc, {}, &status).ok());
    return status;
  }
  grpc::Status SetGovernor(const v1::SetGovernorRequest& request, v1::Status* status = nullptr) {
    grpc::ClientContext rpc;
    v1::Status ignored;
    return admin_->SetGovernor(&rpc, request, status == nullptr ? &ignored : status);
  }
  static v1::SetGovernorRequest Pin(double compute) {
    v1::SetGovernorRequest request;
    request.set_pin_compute(compute);
    return request;
  }
  double ServedFor(double compute) {
    v1::EmbedRequest request = TensorRequest(1);
    request.mutable_budget()->set_compute(compute);
    v1::EmbedResponse response;
    EXPECT_TRUE(Embed(request, &response).ok());
    return response.items(0).receipt().served_compute();
  }
  double At(double compute) const {
    return model_->ladder.rung(*model_->ladder.AtMostCompute(compute)).compute;
  }

  const std::shared_ptr<ServedModel> model_ = MakeServedModel();
};

TEST_F(AdminTest, StatusIsThereInEveryState) {
  Start(nullptr);
  state_.SetPhase(Phase::kOrdering, 0.25);
  v1::Status status = GetStatus();
  EXPECT_EQ(status.state(), "ordering");
  EXPECT_EQ(status.progress(), 0.25);
  ASSERT_EQ(status.tenants_size(), 1);
  EXPECT_EQ(status.tenants(0).tenant(), "default");
  EXPECT_EQ(status.tenants(0).cap_compute(), 1);
  state_.SetModel(model_);
  state_.SetPhase(Phase::kReady, 1);
  status = GetStatus();
  EXPECT_EQ(status.state(), "ready");
  EXPECT_EQ(status.progress(), 1);
  ASSERT_EQ(status.models_size(), 1);
  EXPECT_EQ(status.models(0).name(), "tiny");
}

TEST_F(AdminTest, StatusTellsTenantsByNameWithSharesAndCounts) {
  tenants_file_ = "tenants:\n" + TenantOf("search", {"weight: 3"}) +
                  TenantOf("backfill", {"weight: 1", "concurrency: 2", "ceiling: 0.5"});
  Start(model_);
  v1::EmbedResponse response;
  EXPECT_TRUE(Embed(TensorRequest(1), &response, "backfill-key").ok());
  EXPECT_FALSE(Embed(TensorRequest(3), &response, "backfill-key").ok());
  const v1::Status status = GetStatus();
  ASSERT_EQ(status.tenants_size(), 2);
  EXPECT_EQ(status.tenants(0).tenant(), "backfill");
  EXPECT_EQ(status.tenants(0).degraded_items(), 1U);
  EXPECT_EQ(status.tenants(0).shed_items(), 0U);  // too large is no load
  EXPECT_EQ(status.tenants(1).tenant(), "search");
  EXPECT_GT(status.tenants(1).share(), 0);
}

TEST(TenantStatesTest, CapsAreTheGovernorsRungOrTheOperatorsWhicheverIsLower) {
  const auto model = MakeServedModel();
  model->floor_rung = *model->ladder.AtMostCompute(0.4);
  const auto at = [&model](double compute) {
    return model->ladder.rung(*model->ladder.AtMostCompute(compute)).compute;
  };
  std::vector<TenantPtr> tenants;
  for (int index : {2, 0}) {
    auto tenant = std::make_shared<Tenant>();
    tenant->policy.name = std::string("t") + std::to_string(index);
    tenant->policy.weight = 1 + index;
    tenant->index = index;
    tenants.push_back(tenant);
  }
  const TenantTable table(tenants, /*open=*/false);
  TenantGovernances governances(1);
  governances[0] = {*model->ladder.AtMostCompute(0.6), 0.8, 2.5, 7};

  // Tenant 2 is beyond what the policy tells: its share is by weight, 3 of 4.
  auto states = TenantStates(table, governances, model.get(), {});
  ASSERT_EQ(states.size(), 2U);
  EXPECT_EQ(states[0].name, "t0");
  EXPECT_EQ(states[0].cap_compute, at(0.6));
  EXPECT_EQ(states[0].share, 0.8);
  EXPECT_EQ(states[0].demand, 2.5);
  EXPECT_EQ(states[0].queued_items, 7U);
  EXPECT_EQ(states[1].cap_compute, 1);
  EXPECT_EQ(states[1].share, 0.75);

  states = TenantStates(table, governances, model.get(), {/*pin_compute=*/0.5, 0.8});
  EXPECT_EQ(states[0].cap_compute, at(0.5));
  EXPECT_EQ(states[1].cap_compute, at(0.5));
  states = TenantStates(table, governances, model.get(), {/*pin_compute=*/0.3, std::nullopt});
  EXPECT_EQ(states[0].cap_compute, at(0.4));  // nothing is served below the model's floor
  governances[0].cap_rung = 1000;             // of a ladder that is gone
  EXPECT_EQ(TenantStates(table, governances, model.get(), {})[0].cap_compute, 1);
}

TEST_F(AdminTest, APinHoldsUntilAutomaticUndoesIt) {
  Start(model_);
  v1::Status status;
  ASSERT_TRUE(SetGovernor(Pin(0.5), &status).ok());
  EXPECT_EQ(status.tenants(0).cap_compute(), At(0.5));
  EXPECT_EQ(ServedFor(1), At(0.5));
  EXPECT_EQ(ServedFor(0.3), At(0.5));
  v1::SetGovernorRequest automatic;
  automatic.set_automatic(true);
  ASSERT_TRUE(SetGovernor(automatic, &status).ok());
  EXPECT_EQ(status.tenants(0).cap_compute(), 1);
  EXPECT_EQ(ServedFor(1), 1);
  EXPECT_EQ(ServedFor(0.3), At(0.3));
}

TEST_F(AdminTest, AMaximumLeavesTheModeAsItIs) {
  Start(model_);
  ASSERT_TRUE(SetGovernor(Pin(0.8)).ok());
  v1::SetGovernorRequest maximum;
  maximum.set_max_compute(0.6);
  ASSERT_TRUE(SetGovernor(maximum).ok());
  EXPECT_EQ(ServedFor(0.3), At(0.6));  // still pinned, but not above the maximum
  ASSERT_TRUE(SetGovernor({}).ok());
  EXPECT_EQ(ServedFor(0.3), At(0.8));
}

TEST_F(AdminTest, GovernorSettingsOutOfRangeChangeNothing) {
  Start(model_);
  ASSERT_TRUE(SetGovernor(Pin(0.5)).ok());
  for (const double value : {0.0, -0.5, 1.5, std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_EQ(SetGovernor(Pin(value)).error_code(), grpc::StatusCode::INVALID_ARGUMENT) << value;
  }
  v1::SetGovernorRequest request;
  request.set_automatic(false);
  EXPECT_EQ(SetGovernor(request).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  request.set_automatic(true);
  request.set_max_compute(2);
  EXPECT_EQ(SetGovernor(request).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  request = Pin(1);
  request.set_model("other");
  EXPECT_EQ(SetGovernor(request).error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(ServedFor(1), At(0.5));
}

TEST_F(AdminTest, TenantsAreReadAgainOrStayAndTheErrorSaysWhy) {
  tenants_file_ = "tenants:\n" + TenantOf("a");
  Start(model_);
  const auto reload = [this](const std::string& content, v1::ReloadTenantsResponse* response) {
    folder().Write("tenants.yaml", content);
    grpc::ClientContext rpc;
    return admin_->ReloadTenants(&rpc, {}, response);
  };
  v1::ReloadTenantsResponse response;
  v1::EmbedResponse embedded;
  ASSERT_TRUE(reload("tenants:\n" + TenantOf("a") + TenantOf("b"), &response).ok());
  EXPECT_EQ(response.tenants(), 2U);
  EXPECT_TRUE(Embed(TensorRequest(1), &embedded, "b-key").ok());
  const grpc::Status broken = reload("tenants:\n" + TenantOf("a", {"weight: none"}), &response);
  EXPECT_EQ(broken.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(broken.error_message(), AllOf(HasSubstr("tenants.yaml:4"), HasSubstr("weight")));
  EXPECT_TRUE(Embed(TensorRequest(1), &embedded, "b-key").ok());
}

TEST_F(AdminTest, WithoutATenantsFileThereIsNothingToReload) {
  Start(model_);
  grpc::ClientContext rpc;
  v1::ReloadTenantsResponse response;
  EXPECT_EQ(admin_->ReloadTenants(&rpc, {}, &response).error_code(),
            grpc::StatusCode::FAILED_PRECONDITION);
}

TEST_F(AdminTest, ARequestUnderWayKeepsTheTenantItWasAdmittedWith) {
  tenants_file_ = "tenants:\n" + TenantOf("a", {"concurrency: 1"});
  Start(model_);
  engine_.Close();
  std::thread running([this] {
    v1::EmbedResponse response;
    EXPECT_TRUE(Embed(TensorRequest(1), &response, "a-key").ok());
  });
  engine_.AwaitComputed(1);
  ASSERT_TRUE(RewriteTenants("tenants:\n" + TenantOf("b")).ok());
  v1::EmbedResponse response;
  EXPECT_EQ(Embed(TensorRequest(1), &response, "a-key").error_code(),
            grpc::StatusCode::UNAUTHENTICATED);
  engine_.Open();
  running.join();
  EXPECT_THAT(metrics_.Expose(), HasSubstr("snapvit_requests_total{code=\"OK\",method=\"embed\","
                                           "model=\"tiny\",tenant=\"a\"} 1\n"));
}

TEST_F(AdminTest, AnOrderingTakesOverWhenTheServerIsReady) {
  std::string path;
  absl::StatusOr<OrderingSwitch> outcome = OrderingSwitch{"next", absl::Microseconds(30)};
  admin_context_.reload_ordering = [&](const std::string& asked, OrderingDone done) {
    path = asked;
    std::thread([done = std::move(done), outcome] { done(outcome); }).detach();
  };
  Start(nullptr);
  const auto reload = [this](const std::string& file, v1::ReloadOrderingResponse* response) {
    v1::ReloadOrderingRequest request;
    request.set_path(file);
    grpc::ClientContext rpc;
    return admin_->ReloadOrdering(&rpc, request, response);
  };
  v1::ReloadOrderingResponse response;
  EXPECT_EQ(ReasonOf(reload("x", &response)), "STARTING");
  state_.SetModel(model_);
  state_.SetPhase(Phase::kOrdering, 0.5);
  EXPECT_EQ(ReasonOf(reload("x", &response)), "STARTING");
  EXPECT_EQ(path, "");
  state_.SetPhase(Phase::kReady, 1);
  ASSERT_TRUE(reload("x", &response).ok());
  EXPECT_EQ(path, "x");
  EXPECT_EQ(response.ordering_id(), "next");
  EXPECT_EQ(response.switch_time().nanos(), 30'000);
  outcome = absl::FailedPreconditionError("of another model");
  EXPECT_EQ(reload("x", &response).error_code(), grpc::StatusCode::FAILED_PRECONDITION);
}

TEST_F(AdminTest, DrainTakesItsGraceOrTheServers) {
  std::vector<absl::Duration> drains;
  admin_context_.drain_grace = absl::Seconds(30);
  admin_context_.drain = [&](absl::Duration grace) {
    drains.push_back(grace);
    state_.SetPhase(Phase::kDraining, 0);
  };
  Start(model_);
  const auto drain = [this](const v1::DrainRequest& request, v1::Status* status) {
    grpc::ClientContext rpc;
    return admin_->Drain(&rpc, request, status);
  };
  v1::DrainRequest request;
  v1::Status status;
  request.mutable_grace()->set_seconds(-1);
  EXPECT_EQ(drain(request, &status).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_TRUE(drains.empty());
  ASSERT_TRUE(drain({}, &status).ok());
  EXPECT_EQ(status.state(), "draining");
  request.mutable_grace()->set_seconds(0);
  ASSERT_TRUE(drain(request, &status).ok());
  EXPECT_THAT(drains, testing::ElementsAre(absl::Seconds(30), absl::ZeroDuration()));
  v1::EmbedResponse response;
  EXPECT_EQ(ReasonOf(Embed(TensorRequest(1), &response)), "DRAINING");
}

}  // namespace
}  // namespace snapvit
