#include "core/model/json_document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace snapvit {
namespace {

using ::testing::HasSubstr;

std::string ErrorOf(const std::string& text, JsonLimits limits = {}) {
  const auto result = ParseJson(text, "folder/config.json", limits);
  EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument) << text;
  return std::string(result.status().message());
}

TEST(ParseJson, KeepsValuesOfEveryKind) {
  const auto json = ParseJson(R"({"a":[1,-2,2.5,true,null,"x"],"b":{"c":{}},"d":[]})", "f");
  ASSERT_TRUE(json.ok()) << json.status();
  EXPECT_EQ(json->dump(), R"({"a":[1,-2,2.5,true,null,"x"],"b":{"c":{}},"d":[]})");
}

TEST(ParseJson, SaysWhereTheTextIsMalformed) {
  const std::string error = ErrorOf("{\n  \"depth\": 12,\n  \"heads\" 3\n}");
  EXPECT_THAT(error, HasSubstr("folder/config.json is not valid JSON at line 3, column"));
  EXPECT_THAT(error, HasSubstr("expected ':'"));
}

TEST(ParseJson, RefusesTextAfterTheDocument) {
  EXPECT_THAT(ErrorOf("{} x"), HasSubstr("column 4"));
}

TEST(ParseJson, RefusesAnEmptyFile) { EXPECT_THAT(ErrorOf(""), HasSubstr("line 1, column 1")); }

TEST(ParseJson, RefusesDuplicateKeysOfOneObject) {
  EXPECT_THAT(ErrorOf(R"({"a":{"x":1,"x":2}})"), HasSubstr("the key \"x\" appears twice"));
  EXPECT_TRUE(ParseJson(R"({"a":{"x":1},"b":{"x":2}})", "f").ok());
}

TEST(ParseJson, BoundsTheNesting) {
  EXPECT_TRUE(ParseJson("[[[1]]]", "f", {.max_depth = 3}).ok());
  EXPECT_THAT(ErrorOf("[[[[1]]]]", {.max_depth = 3}), HasSubstr("nested deeper than 3 levels"));
  EXPECT_THAT(ErrorOf(std::string(1'000'000, '[')), HasSubstr("nested deeper than 32 levels"));
}

TEST(ParseJson, BoundsTheNumberOfValues) {
  EXPECT_TRUE(ParseJson(R"({"a":[1,{}]})", "f", {.max_values = 4}).ok());
  EXPECT_THAT(ErrorOf(R"({"a":[1,{}]})", {.max_values = 3}), HasSubstr("more than 3 values"));
}

TEST(ParseJson, DoesNotQuoteAHostileFileBack) {
  EXPECT_LT(ErrorOf("{\"a\": \"" + std::string(1'000'000, 'x')).size(), 500u);
}

TEST(ParseJson, RefusesBytesThatAreNotUtf8) {
  EXPECT_THAT(ErrorOf("\"\xff\""), HasSubstr("UTF-8"));
}

}  // namespace
}  // namespace snapvit
