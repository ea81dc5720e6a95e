#include "server/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

namespace snapvit {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr double kComputes[] = {0.26, 0.5, 1.0};

class MetricsTest : public testing::Test {
 protected:
  MetricsTest() : metrics_({"demo", "0.1.0", "cpu"}) {
    metrics_.SetTenants(std::vector<std::string>{"default"});
    std::vector<Metrics::LadderRung> rungs;
    for (const double compute : kComputes) rungs.push_back({compute, compute == 1.0 ? 1.0 : 0.9});
    metrics_.SetLadder(rungs);
  }

  Metrics metrics_;
};

TEST(BudgetLabel, RoundsUpToTenths) {
  EXPECT_EQ(BudgetLabel(1.0), "1.0");
  EXPECT_EQ(BudgetLabel(0.5), "0.5");
  EXPECT_EQ(BudgetLabel(0.5 + 1e-8), "0.5");  // of a rung that is meant to be 0.5
  EXPECT_EQ(BudgetLabel(0.501), "0.6");
  EXPECT_EQ(BudgetLabel(0.3), "0.3");
  EXPECT_EQ(BudgetLabel(0.7), "0.7");
  EXPECT_EQ(BudgetLabel(0.01), "0.1");
  EXPECT_EQ(BudgetLabel(std::nullopt), "none");
}

TEST_F(MetricsTest, KnownSeriesAreThereAsZeroBeforeAnythingHappens) {
  const std::string text = metrics_.Expose();
  for (
      const char* line : {
          R"(snapvit_requests_total{code="OK",method="embed",model="demo",tenant="default"} 0)",
          R"(snapvit_requests_total{code="RESOURCE_EXHAUSTED",method="classify",model="demo",tenant="default"} 0)",
          R"(snapvit_items_total{budget="0.5",model="demo",requested_budget="0.5",tenant="default"} 0)",
          R"(snapvit_degraded_items_total{model="demo",reason="LOAD",tenant="default"} 0)",
          R"(snapvit_shed_items_total{model="demo",reason="QUEUE_FULL",tenant="default"} 0)",
          R"(snapvit_request_duration_seconds_count{budget="0.3",method="embed",model="demo"} 0)",
          R"(snapvit_request_duration_seconds_count{budget="none",method="embed",model="demo"} 0)",
          R"(snapvit_demand_seconds_total{model="demo"} 0)",
          R"(snapvit_batch_items_count{model="demo"} 0)",
          R"(snapvit_queue_items{model="demo"} 0)",
          R"(snapvit_ladder_fidelity{model="demo",rung="1"} 0.9)",
          R"(snapvit_ready 0)",
          R"(snapvit_refusals_total{reason="CONNECTIONS"} 0)",
          R"(snapvit_connections{listener="grpc"} 0)",
          R"(snapvit_build_info{device="cpu",version="0.1.0"} 1)",
      }) {
    EXPECT_THAT(text, HasSubstr(std::string(line) + "\n"));
  }
  EXPECT_THAT(text, Not(HasSubstr(R"(budget="0.7")")));  // no rung has it
  EXPECT_THAT(text, Not(HasSubstr(R"(tenant="other")")));
}

TEST_F(MetricsTest, BucketBoundsAreNeverWholeNumbers) {
  const std::string text = metrics_.Expose();
  for (const char* whole :
       {R"(le="1"})", R"(le="2"})", R"(le="5"})", R"(le="10"})", R"(le="0"})"}) {
    EXPECT_THAT(text, Not(HasSubstr(whole)));
  }
  EXPECT_THAT(text, HasSubstr(R"(le="0.001")"));
  EXPECT_THAT(text, HasSubstr(R"(le="10.5")"));
}

TEST_F(MetricsTest, CountsARequest) {
  metrics_.RecordRequest({RpcMethod::kClassify, "default", "OK", absl::Milliseconds(20), 0.5});
  const std::string text = metrics_.Expose();
  EXPECT_THAT(
      text,
      HasSubstr(
          R"(snapvit_requests_total{code="OK",method="classify",model="demo",tenant="default"} 1)"));
  EXPECT_THAT(
      text,
      HasSubstr(
          R"(snapvit_request_duration_seconds_bucket{budget="0.5",method="classify",model="demo",le="0.015"} 0)"));
  EXPECT_THAT(
      text,
      HasSubstr(
          R"(snapvit_request_duration_seconds_bucket{budget="0.5",method="classify",model="demo",le="0.025"} 1)"));
  EXPECT_THAT(
      text,
      HasSubstr(
          R"(snapvit_tenant_request_duration_seconds_count{model="demo",tenant="default"} 1)"));
}

TEST_F(MetricsTest, ATenantsLatencyIsThatOfWhatWasServed) {
  metrics_.RecordRequest({RpcMethod::kEmbed, "default", "OK", absl::Milliseconds(20), 0.5});
  metrics_.RecordRequest(
      {RpcMethod::kEmbed, "default", "RESOURCE_EXHAUSTED", absl::ZeroDuration(), std::nullopt});
  const std::string text = metrics_.Expose();
  EXPECT_THAT(
      text,
      HasSubstr(
          R"(snapvit_tenant_request_duration_seconds_count{model="demo",tenant="default"} 1)"));
  EXPECT_THAT(
      text,
      HasSubstr(
          R"(snapvit_request_duration_seconds_count{budget="none",method="embed",model="demo"} 1)"));
}

TEST_F(MetricsTest, BuildInfoTellsTheDtypeThatIsServed) {
  GaugeValues values;
  metrics_.SetGaugeSource([&values] { return values; });
  EXPECT_THAT(metrics_.Expose(),
              HasSubstr(R"(snapvit_build_info{device="cpu",version="0.1.0"} 1)"));
  for (const char* dtype : {"fp32", "bf16"}) {
    values.dtype = dtype;
    const std::string text = metrics_.Expose();
    EXPECT_THAT(text, HasSubstr(std::string("snapvit_build_info{device=\"cpu\",dtype=\"") + dtype +
                                "\",version=\"0.1.0\"} 1\n"));
    EXPECT_EQ(text.find("snapvit_build_info{"), text.rfind("snapvit_build_info{")) << "one alone";
  }
}

TEST_F(MetricsTest, UnknownTenantsAreCountedTogether) {
  for (const char* tenant : {"eve", "mallory"}) {
    metrics_.RecordRequest(
        {RpcMethod::kEmbed, tenant, "UNAUTHENTICATED", absl::ZeroDuration(), std::nullopt});
  }
  EXPECT_THAT(
      metrics_.Expose(),
      HasSubstr(
          R"(snapvit_requests_total{code="UNAUTHENTICATED",method="embed",model="demo",tenant="other"} 2)"));
}

TEST_F(MetricsTest, TenantsThatComeLaterHaveTheirSeriesAndThoseThatGoKeepThem) {
  metrics_.RecordRequest({RpcMethod::kEmbed, "default", "OK", absl::ZeroDuration(), 0.5});
  metrics_.SetTenants(std::vector<std::string>{"search"});
  const std::string text = metrics_.Expose();
  EXPECT_THAT(text, HasSubstr(R"(code="OK",method="embed",model="demo",tenant="search"} 0)"));
  EXPECT_THAT(text, HasSubstr(R"(code="OK",method="embed",model="demo",tenant="default"} 1)"));
  EXPECT_THAT(
      text,
      HasSubstr(
          R"(snapvit_items_total{budget="0.5",model="demo",requested_budget="0.5",tenant="search"} 0)"));
}

TEST_F(MetricsTest, NamesThatChangeForEverCannotFillPrometheus) {
  for (int reload = 0; reload < 300; ++reload) {
    const std::string name = "tenant" + std::to_string(reload);
    metrics_.SetTenants(std::vector<std::string>{name});
    metrics_.RecordRequest({RpcMethod::kEmbed, name, "OK", absl::ZeroDuration(), 0.5});
  }
  const std::string text = metrics_.Expose();
  EXPECT_THAT(text, HasSubstr(R"(tenant="tenant98"})"));
  EXPECT_THAT(text, Not(HasSubstr(R"(tenant="tenant99"})")));
  EXPECT_THAT(text, HasSubstr(R"(code="OK",method="embed",model="demo",tenant="other"} 201)"));
}

TEST_F(MetricsTest, GovernorCapsAreThoseOfTheTenantsInForce) {
  metrics_.SetTenants(std::vector<std::string>{"search"});
  GaugeValues values;
  metrics_.SetGaugeSource([&values] { return values; });
  values.caps = {{"default", 0.5}, {"search", 1}};
  EXPECT_THAT(metrics_.Expose(),
              HasSubstr(R"(snapvit_governor_cap{model="demo",tenant="default"} 0.5)"));
  values.caps = {{"search", 0.75}};
  const std::string text = metrics_.Expose();
  EXPECT_THAT(text, HasSubstr(R"(snapvit_governor_cap{model="demo",tenant="search"} 0.75)"));
  EXPECT_THAT(text, Not(HasSubstr(R"(snapvit_governor_cap{model="demo",tenant="default"})")));
}

TEST_F(MetricsTest, ABrokenFileShowsUntilAGoodOneIsRead) {
  metrics_.RecordReload(ConfigFile::kTenants, false);
  EXPECT_THAT(metrics_.Expose(),
              HasSubstr(R"(snapvit_config_last_reload_success{config="tenants"} 0)"));
  metrics_.RecordReload(ConfigFile::kTenants, true);
  const std::string text = metrics_.Expose();
  EXPECT_THAT(text, HasSubstr(R"(snapvit_config_last_reload_success{config="tenants"} 1)"));
  EXPECT_THAT(text,
              HasSubstr(R"(snapvit_config_reloads_total{config="tenants",result="error"} 1)"));
}

TEST_F(MetricsTest, CountsOfATenantAreThoseOfItsSeries) {
  metrics_.RecordUnservedItem("default", "RATE_LIMIT", 1.0);
  metrics_.RecordUnservedItem("default", "QUEUE_FULL", 1.0);
  metrics_.RecordUnservedItem("eve", "QUEUE_FULL", 1.0);
  EXPECT_EQ(metrics_.ItemCounts("default").shed, 2U);
  EXPECT_EQ(metrics_.ItemCounts("eve").shed, 0U);
}

TEST_F(MetricsTest, CountsServedAndDegradedItems) {
  ItemEvent item;
  item.tenant = "default";
  item.requested_compute = 1.0;
  item.served_compute = 0.5;
  item.degraded_reason = "LOAD";
  item.flops = 1e9;
  item.estimated_fidelity = 0.96;
  item.queue_time = absl::Milliseconds(3);
  item.decode_time = absl::Milliseconds(2);
  item.compute_time = absl::Milliseconds(8);
  metrics_.RecordItem(item);
  const std::string text = metrics_.Expose();
  EXPECT_THAT(
      text,
      HasSubstr(
          R"(snapvit_items_total{budget="0.5",model="demo",requested_budget="1.0",tenant="default"} 1)"));
  EXPECT_THAT(
      text,
      HasSubstr(R"(snapvit_degraded_items_total{model="demo",reason="LOAD",tenant="default"} 1)"));
  EXPECT_THAT(text, HasSubstr(R"(snapvit_flops_total{model="demo",tenant="default"} 1000000000)"));
  EXPECT_THAT(text,
              HasSubstr(R"(snapvit_queue_duration_seconds_sum{budget="0.5",model="demo"} 0.003)"));
  EXPECT_THAT(text, HasSubstr(R"(snapvit_decode_duration_seconds_sum{model="demo"} 0.002)"));
  EXPECT_THAT(
      text, HasSubstr(R"(snapvit_compute_duration_seconds_sum{budget="0.5",model="demo"} 0.008)"));
  EXPECT_THAT(text, HasSubstr(R"(snapvit_served_compute_sum{model="demo",tenant="default"} 0.5)"));
}

TEST_F(MetricsTest, CountsItemsThatWereNotServed) {
  metrics_.RecordUnservedItem("default", "QUEUE_FULL", 1.0);
  metrics_.RecordUnservedItem("default", "INVALID_ARGUMENT", 1.0);
  const std::string text = metrics_.Expose();
  EXPECT_THAT(
      text,
      HasSubstr(
          R"(snapvit_shed_items_total{model="demo",reason="QUEUE_FULL",tenant="default"} 1)"));
  EXPECT_THAT(
      text,
      HasSubstr(
          R"(snapvit_items_total{budget="none",model="demo",requested_budget="1.0",tenant="default"} 2)"));
}

TEST_F(MetricsTest, CountsWhatWasTurnedAway) {
  metrics_.RecordRefusal(Refusal::kUnauthenticated);
  metrics_.RecordRefusal(Refusal::kDescriptors);
  metrics_.RecordUnservedItem("default", "TOO_LARGE", 1.0);
  const std::string text = metrics_.Expose();
  for (const char* reason : {"UNAUTHENTICATED", "DESCRIPTORS", "TOO_LARGE"}) {
    EXPECT_THAT(text,
                HasSubstr(std::string("snapvit_refusals_total{reason=\"") + reason + "\"} 1\n"));
  }
}

TEST_F(MetricsTest, TheCertificatesEndIsShownOnceThereIsOne) {
  EXPECT_THAT(metrics_.Expose(), Not(HasSubstr("snapvit_certificate_expiry_timestamp_seconds ")));
  metrics_.SetCertificateExpiry(absl::FromUnixSeconds(1'800'000'000));
  EXPECT_THAT(metrics_.Expose(),
              HasSubstr("snapvit_certificate_expiry_timestamp_seconds 1800000000\n"));
}

TEST_F(MetricsTest, GaugesAreReadWhenAScrapeComes) {
  GaugeValues values;
  metrics_.SetGaugeSource([&values] { return values; });
  values.queue_items = 5;
  values.queue_seconds = 0.25;
  values.ready = true;
  const std::string text = metrics_.Expose();
  EXPECT_THAT(text, HasSubstr(R"(snapvit_queue_items{model="demo"} 5)"));
  EXPECT_THAT(text, HasSubstr(R"(snapvit_queue_seconds{model="demo"} 0.25)"));
  EXPECT_THAT(text, HasSubstr("snapvit_ready 1\n"));
}

TEST_F(MetricsTest, ANewLadderReplacesTheOldOne) {
  const Metrics::LadderRung dense[] = {{1.0, 1.0}};
  metrics_.SetLadder(dense);
  const std::string text = metrics_.Expose();
  EXPECT_THAT(text, HasSubstr(R"(snapvit_ladder_fidelity{model="demo",rung="0"} 1)"));
  EXPECT_THAT(text, Not(HasSubstr(R"(snapvit_ladder_fidelity{model="demo",rung="1"})")));
}

TEST_F(MetricsTest, RecordsFromManyThreadsAreAllCounted) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this] {
      for (int i = 0; i < 1000; ++i) {
        metrics_.RecordRequest({RpcMethod::kEmbed, "eve", "OK", absl::ZeroDuration(), 0.77});
        metrics_.RecordBatch(4, absl::Milliseconds(1));
      }
      metrics_.Expose();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(
      metrics_.Expose(),
      HasSubstr(
          R"(snapvit_requests_total{code="OK",method="embed",model="demo",tenant="other"} 4000)"));
  EXPECT_NEAR(metrics_.busy_seconds(), 4.0, 1e-6);
}

}  // namespace
}  // namespace snapvit
