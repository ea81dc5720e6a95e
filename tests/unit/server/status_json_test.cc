// What the status page draws, in every state of the server.
#include "server/status_json.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "core/scheduling/elastic_policy.h"
#include "server/status_page.h"
#include "tests/unit/server/service_fixture.h"

namespace snapvit {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

class StatusJsonTest : public ServiceTest {
 protected:
  StatusSources Sources() {
    return {&state_,       executor_.get(), admin_context_.scheduler_metrics,
            &metrics_,     tenants_.get(),  &governor_,
            /*workers=*/2, "1.2.3"};
  }
  Json Status() { return Json::parse(StatusJson(Sources())); }
};

TEST_F(StatusJsonTest, WhileTheModelLoadsItHasStateProgressAndName) {
  Start(nullptr);
  state_.SetPhase(Phase::kOrdering, 0.25);
  const Json status = Status();
  EXPECT_EQ(status["state"], "ordering");
  EXPECT_EQ(status["progress"], 0.25);
  EXPECT_EQ(status["serving"], false);
  EXPECT_EQ(status["model"], Json::parse(R"({"name": "tiny"})"));
  EXPECT_EQ(status["version"], "1.2.3");
}

TEST_F(StatusJsonTest, DescribesTheLadder) {
  const auto model = MakeServedModel();
  model->measured = {{0, 1, absl::Milliseconds(3)}, {0, 4, absl::Milliseconds(9)}};
  Start(model);
  const Json ladder = Status()["model"]["ladder"];
  ASSERT_EQ(ladder.size(), static_cast<size_t>(model->ladder.size()));
  EXPECT_EQ(ladder[0]["rung"], 0);
  EXPECT_EQ(ladder[0]["compute"], model->ladder.rung(0).compute);
  EXPECT_EQ(ladder[0]["fidelity"], nullptr);  // not measured
  EXPECT_EQ(ladder[0]["latency"], Json::parse(R"([{"batch":1,"ms":3},{"batch":4,"ms":9}])"));
  EXPECT_EQ(ladder.back()["compute"], 1);
}

TEST_F(StatusJsonTest, TellsRequestsAndTenants) {
  tenants_file_ = "tenants:\n" + TenantOf("search") + TenantOf("bulk", {"ceiling: 0.5"});
  Start();
  v1::EmbedResponse response;
  ASSERT_TRUE(Embed(TensorRequest(1), &response, "bulk-key").ok());
  const Json status = Status();
  ASSERT_EQ(status["tenants"].size(), 2U);
  EXPECT_EQ(status["tenants"][0]["name"], "bulk");
  EXPECT_EQ(status["tenants"][0]["degraded_items"], 1);
  EXPECT_EQ(status["load"]["workers"], 2);
}

TEST_F(StatusJsonTest, TellsWhatAnOperatorHasSet) {
  Start();
  EXPECT_EQ(Status()["governor"]["pin_compute"], nullptr);
  ASSERT_TRUE(governor_
                  .Update([](GovernorSettings& settings) {
                    settings.pin_compute = 0.5;
                    return absl::OkStatus();
                  })
                  .ok());
  EXPECT_EQ(Status()["governor"]["pin_compute"], 0.5);
  EXPECT_LE(Status()["tenants"][0]["cap_compute"], 0.5);
}

TEST(StatusJson, ANameThatIsNotUtf8StaysAValidDocument) {
  ServingState state("\xff<b>\"x\"\n");
  Metrics metrics({});
  SchedulerMetrics scheduler_metrics(Clock::Monotonic(), &state, &metrics);
  GatedEngine engine;
  const auto executor = *Executor::Create(
      {}, std::make_unique<ElasticPolicy>(ElasticPolicy::Options{}), &engine, &scheduler_metrics);
  const auto tenants = *TenantDirectory::Create({});
  GovernorControl governor;
  const Json status = Json::parse(StatusJson(
      {&state, executor.get(), &scheduler_metrics, &metrics, tenants.get(), &governor, 1, ""}));
  EXPECT_EQ(status["model"]["name"], "\xEF\xBF\xBD<b>\"x\"\n");
}

TEST(StatusPage, NeedsNothingFromElsewhere) {
  const std::string page(StatusPage());
  EXPECT_THAT(page, HasSubstr("default-src 'none'"));
  EXPECT_THAT(page, Not(HasSubstr("https://")));
  EXPECT_THAT(page, Not(HasSubstr("innerHTML")));  // names are text, never markup
}

}  // namespace
}  // namespace snapvit
