#include "server/tenant_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "core/base/file.h"

namespace snapvit {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

const std::string kHash(64, 'a');
const std::string kKey = "    keys: sha256:" + kHash + "\n";

// The error of a file that must not be understood.
std::string ErrorOf(const std::string& content) {
  const auto parsed = ParseTenants(content, "t.yaml");
  EXPECT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument) << content;
  return std::string(parsed.status().message());
}

// Of one tenant with these lines.
std::string ErrorOfSetting(const std::string& line) {
  return ErrorOf("tenants:\n  a:\n" + kKey + "    " + line + "\n");
}

TEST(TenantFileTest, ReadsEverySetting) {
  const auto tenants = ParseTenants(
      "tenants:\n"
      "  search:\n"
      "    keys: [sha256:" +
          std::string(64, 'A') + ", sha256:" + std::string(64, '1') +
          "]\n"
          "    certificates: [search.example.com, 'spiffe://example.com/search']\n"
          "    default_budget: 0.7\n"
          "    floor: fidelity:0.9\n"
          "    ceiling: 80%\n"
          "    strict: false\n"
          "    priority: batch\n"
          "    latency_target: 40ms\n"
          "    weight: 2.5\n"
          "    rate_gflops: 100\n"
          "    burst_gflop: 300\n"
          "    concurrency: 16\n",
      "t.yaml");
  ASSERT_TRUE(tenants.ok()) << tenants.status();
  ASSERT_EQ(tenants->size(), 1U);
  const TenantPolicy& policy = tenants->front();
  EXPECT_EQ(policy.name, "search");
  EXPECT_THAT(policy.key_hashes, ElementsAre(std::string(64, 'a'), std::string(64, '1')));
  EXPECT_THAT(policy.certificates,
              ElementsAre("search.example.com", "spiffe://example.com/search"));
  EXPECT_EQ(std::get<ComputeTarget>(*policy.default_budget).share, 0.7);
  EXPECT_EQ(std::get<FidelityTarget>(*policy.floor).fidelity, 0.9);
  EXPECT_EQ(policy.ceiling->share, 0.8);
  EXPECT_FALSE(policy.strict_allowed);
  EXPECT_EQ(policy.priority, PriorityClass::kBatch);
  EXPECT_EQ(policy.latency_target, absl::Milliseconds(40));
  EXPECT_EQ(policy.weight, 2.5);
  EXPECT_EQ(policy.rate_gflops, 100);
  EXPECT_EQ(policy.burst_gflop, 300);
  EXPECT_EQ(policy.concurrency, 16);
}

TEST(TenantFileTest, ATenantWithAKeyAloneHasNoLimits) {
  const auto tenants = ParseTenants("tenants:\n  a:\n" + kKey, "t.yaml");
  ASSERT_TRUE(tenants.ok()) << tenants.status();
  const TenantPolicy& policy = tenants->front();
  EXPECT_FALSE(policy.default_budget || policy.floor || policy.ceiling || policy.rate_gflops ||
               policy.concurrency || policy.latency_target);
  EXPECT_TRUE(policy.strict_allowed);
  EXPECT_EQ(policy.weight, 1);
}

TEST(TenantFileTest, ABurstIsASecondsRateUnlessItIsSet) {
  const auto tenants = ParseTenants("tenants:\n  a:\n" + kKey + "    rate_gflops: 50\n", "t.yaml");
  ASSERT_TRUE(tenants.ok()) << tenants.status();
  EXPECT_EQ(tenants->front().burst_gflop, 50);
}

TEST(TenantFileTest, BadValuesAreNamedWithTheirLineAndWhatWasExpected) {
  const std::map<std::string, std::string> expected = {
      {"default_budget: 7", "expected a budget"},
      {"default_budget:", "expected a budget"},
      {"floor: 15ms", "expected compute such as 0.4"},
      {"ceiling: fidelity:0.9", "expected compute such as 0.8"},
      {"strict: maybe", "expected true or false"},
      {"priority: high", "expected one of interactive, batch"},
      {"latency_target: 50", "expected a duration above 0 with its unit"},
      {"latency_target: -1s", "expected a duration above 0"},
      {"weight: 0", "expected a number above 0"},
      {"weight: nan", "expected a number above 0"},
      {"rate_gflops: inf", "expected a number above 0"},
      {"rate_gflops: [1]", "expected a number above 0"},
      {"concurrency: 0", "expected a whole number"},
      {"concurrency: 1.5", "expected a whole number"},
      {"certificates: []", "expected names in client certificates"},
  };
  for (const auto& [line, text] : expected) {
    const std::string setting = line.substr(0, line.find(':'));
    EXPECT_THAT(ErrorOfSetting(line),
                AllOf(StartsWith("t.yaml:4: tenant a: " + setting), HasSubstr(text)));
  }
  EXPECT_THAT(ErrorOfSetting("weight: '-3'"), HasSubstr("weight is '-3'"));
}

TEST(TenantFileTest, WhatIsNotKnownOrSaidTwiceIsAnError) {
  EXPECT_THAT(ErrorOfSetting("wieght: 2"),
              AllOf(HasSubstr("t.yaml:4"), HasSubstr("wieght"), HasSubstr("weight")));
  EXPECT_THAT(ErrorOfSetting("weight: 2\n    weight: 3"),
              AllOf(HasSubstr("t.yaml:5"), HasSubstr("given before, in line 4")));
  EXPECT_THAT(ErrorOf("tenants:\n  a:\n" + kKey + "  a:\n" + kKey),
              AllOf(HasSubstr("t.yaml:4"), HasSubstr("tenant a was given before, in line 2")));
  EXPECT_THAT(ErrorOf("tenant:\n  a:\n" + kKey), HasSubstr("unknown key 'tenant'"));
  EXPECT_THAT(ErrorOf("tenants:\n  a:\n" + kKey + "  b:\n" + kKey),
              HasSubstr("tenant b has a key that was given before, to tenant a"));
  EXPECT_THAT(ErrorOf("tenants:\n  a:\n    certificates: x\n  b:\n    certificates: x\n"),
              HasSubstr("tenant b has a certificate that was given before, to tenant a"));
}

TEST(TenantFileTest, SettingsMustMakeSenseTogether) {
  EXPECT_THAT(ErrorOf("tenants:\n  a:\n    weight: 2\n"),
              AllOf(StartsWith("t.yaml:2"), HasSubstr("neither keys nor certificates")));
  EXPECT_THAT(ErrorOfSetting("burst_gflop: 5"), HasSubstr("no rate_gflops"));
  EXPECT_THAT(ErrorOfSetting("ceiling: 0.5\n    floor: 0.6"), HasSubstr("floor above its ceiling"));
  EXPECT_THAT(ErrorOfSetting("ceiling: 0.5\n    default_budget: 1"),
              HasSubstr("default_budget above its ceiling"));
}

TEST(TenantFileTest, AKeyThatIsNotHashedIsNotRepeated) {
  EXPECT_THAT(
      ErrorOf("tenants:\n  a:\n    keys: [my-secret-key]\n"),
      AllOf(HasSubstr("t.yaml:3: tenant a: keys"), HasSubstr("sha256:"), Not(HasSubstr("secret"))));
  EXPECT_THAT(ErrorOf("tenants:\n  a:\n    keys: sha256:secret\n"), Not(HasSubstr("secret")));
}

TEST(TenantFileTest, NamesAreWordsThatMetricsCanShow) {
  for (const char* name : {"Search", "a b", "'a\\nb'", "other", "''"}) {
    EXPECT_THAT(ErrorOf(std::string("tenants:\n  ") + name + ":\n" + kKey), HasSubstr("t.yaml:2"))
        << name;
  }
}

TEST(TenantFileTest, WhatIsNoListOfTenantsIsAnError) {
  for (const char* content :
       {"", "[]", "tenants:", "tenants: 3", "tenants: {}", "a: 1\n---\nb: 2\n", ",", "[a] ,",
        "tenants:\n  a: {keys: [", "tenants:\n  a:\n", "tenants:\n  a: 3\n"}) {
    EXPECT_THAT(ErrorOf(content), StartsWith("t.yaml:")) << content;
  }
}

TEST(TenantFileTest, TheDocumentedExampleIsUnderstood) {
  const std::string document = *ReadFile(SNAPVIT_SOURCE_DIR "/docs/tenants.md", size_t{1} << 20);
  const size_t begin = document.find("```yaml\n");
  ASSERT_NE(begin, std::string::npos);
  const size_t end = document.find("```\n", begin + 8);
  const auto tenants = ParseTenants(document.substr(begin + 8, end - begin - 8), "docs/tenants.md");
  ASSERT_TRUE(tenants.ok()) << tenants.status();
  EXPECT_EQ(tenants->size(), 3U);
}

}  // namespace
}  // namespace snapvit
