#include "server/trace_context.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

namespace snapvit {
namespace {

using ::testing::MatchesRegex;

const std::string kTrace = "4bf92f3577b34da6a3ce929d0e0e4736";
const std::string kParent = "00f067aa0ba902b7";

std::optional<TraceContext> Read(const std::string& header) {
  return ReadTraceContext(std::vector<std::string>{header});
}

TEST(TraceContext, TakesTraceAndParentAndAddsASpanOfItsOwn) {
  const auto trace = Read("00-" + kTrace + "-" + kParent + "-01");
  ASSERT_TRUE(trace.has_value());
  EXPECT_EQ(trace->trace_id, kTrace);
  EXPECT_EQ(trace->parent_id, kParent);
  EXPECT_THAT(trace->span_id, MatchesRegex("[0-9a-f]{16}"));
  EXPECT_NE(trace->span_id, kParent);
  EXPECT_EQ(trace->Traceresponse(), "00-" + kTrace + "-" + trace->span_id + "-00");
  EXPECT_NE(trace->span_id, Read("00-" + kTrace + "-" + kParent + "-01")->span_id);
}

TEST(TraceContext, TakesAnyFlagsAndBlanksAround) {
  EXPECT_TRUE(Read("00-" + kTrace + "-" + kParent + "-00"));
  EXPECT_TRUE(Read("00-" + kTrace + "-" + kParent + "-ff"));
  EXPECT_TRUE(Read(" \t00-" + kTrace + "-" + kParent + "-01 "));
}

TEST(TraceContext, TakesTheKnownFieldsOfLaterVersions) {
  EXPECT_TRUE(Read("01-" + kTrace + "-" + kParent + "-01"));
  EXPECT_TRUE(Read("cc-" + kTrace + "-" + kParent + "-01-what-the-future-will-be-like"));
  EXPECT_TRUE(Read("cc-" + kTrace + "-" + kParent + "-01-"));
  EXPECT_FALSE(Read("cc-" + kTrace + "-" + kParent + "-01.what-the-future-will-be-like"));
  EXPECT_FALSE(Read("cc-" + kTrace + "-" + kParent + "-0100"));
}

TEST(TraceContext, IgnoresWhatIsNotValid) {
  const std::string upper = "4BF92F3577B34DA6A3CE929D0E0E4736";
  for (const std::string& header : {
           std::string(),
           std::string("00"),
           "00-" + kTrace + "-" + kParent,
           "00-" + kTrace + "-" + kParent + "-0",
           "00-" + kTrace + "-" + kParent + "-01-",
           "00-" + kTrace + "-" + kParent + "-01-more",
           "ff-" + kTrace + "-" + kParent + "-01",
           "0-" + kTrace + "-" + kParent + "-001",
           "00_" + kTrace + "-" + kParent + "-01",
           "00-" + kTrace + "_" + kParent + "-01",
           "00-" + kTrace + "-" + kParent + "_01",
           ".0-" + kTrace + "-" + kParent + "-01",
           "00-" + upper + "-" + kParent + "-01",
           "00-" + kTrace + "-00F067AA0BA902B7-01",
           "00-" + kTrace + "-" + kParent + "-0X",
           "00-" + std::string(32, '0') + "-" + kParent + "-01",
           "00-" + kTrace + "-" + std::string(16, '0') + "-01",
           "00-" + kTrace.substr(1) + "-" + kParent + "-01",
           "00-" + kTrace.substr(1) + ".-" + kParent + "-01",
       }) {
    EXPECT_FALSE(Read(header)) << header;
  }
}

TEST(TraceContext, IgnoresSeveral) {
  const std::string header = "00-" + kTrace + "-" + kParent + "-01";
  EXPECT_FALSE(ReadTraceContext(std::vector<std::string>{}));
  EXPECT_FALSE(ReadTraceContext(std::vector<std::string>{header, header}));
}

}  // namespace
}  // namespace snapvit
