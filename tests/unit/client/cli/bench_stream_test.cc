#include "client/cli/bench_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/testing/temporary_folder.h"

namespace snapvit::cli {
namespace {

using ::testing::HasSubstr;

std::string ErrorOf(const StreamSettings& settings) {
  return std::string(ParseStream(settings).status().message());
}

TEST(BenchStream, OpenAndClosedLoops) {
  const TemporaryFolder folder;
  const auto open =
      ParseStream({.rate = "50", .deadline = "40", .api_key_file = folder.Write("key", "k\n")});
  ASSERT_TRUE(open.ok()) << open.status();
  EXPECT_EQ(open->arrivals->RateAt(absl::ZeroDuration()), 50);
  EXPECT_EQ(open->deadline, absl::Milliseconds(40));
  EXPECT_EQ(open->api_key, "k");
  EXPECT_TRUE(open->tell_deadline);
  const auto closed = ParseStream({.concurrency = "8", .method = "classify", .batch = "4"});
  ASSERT_TRUE(closed.ok()) << closed.status();
  EXPECT_FALSE(closed->arrivals.has_value());
  EXPECT_EQ(closed->concurrency, 8);
  EXPECT_EQ(closed->images_per_request, 4);
  EXPECT_EQ(closed->method, BenchMethod::kClassify);
}

TEST(BenchStream, ErrorsNameTheKeyAndTheValue) {
  EXPECT_THAT(ErrorOf({}), HasSubstr("give a rate (open loop) or a concurrency"));
  EXPECT_THAT(ErrorOf({.rate = "5", .concurrency = "5"}), HasSubstr("give one of them"));
  EXPECT_THAT(ErrorOf({.rate = "fast"}), HasSubstr("rate: 'fast'"));
  EXPECT_THAT(ErrorOf({.rate = "1", .arrivals = "bursty"}), HasSubstr("arrivals: 'bursty'"));
  EXPECT_THAT(ErrorOf({.concurrency = "0"}), HasSubstr("concurrency is '0'"));
  EXPECT_THAT(ErrorOf({.rate = "1", .budget = "7"}), HasSubstr("budget: "));
  EXPECT_THAT(ErrorOf({.rate = "1", .floor = "x"}), HasSubstr("floor: "));
  EXPECT_THAT(ErrorOf({.rate = "1", .deadline = "-3"}), HasSubstr("deadline is '-3'"));
  EXPECT_THAT(ErrorOf({.rate = "1", .method = "draw"}), HasSubstr("method is 'draw'"));
  EXPECT_THAT(ErrorOf({.rate = "1", .api_key_file = "/no/such"}), HasSubstr("api-key-file: "));
}

TEST(BenchStream, StreamsOfAFileInheritWhatTheyLeaveOut) {
  const TemporaryFolder folder;
  folder.Write("gold.key", "s3cret\n");
  const std::string file = folder.Write("streams.yaml",
                                        "- name: gold\n"
                                        "  api-key-file: gold.key\n"
                                        "  budget: 1\n"
                                        "- concurrency: 3\n"
                                        "  deadline: 1.5s\n"
                                        "  tell-deadline: false\n");
  const auto streams = ReadStreams(file, {.rate = "20",
                                          .budget = "0.5",
                                          .deadline = "30",
                                          .api_key_file = folder.Write("other.key", "other")});
  ASSERT_TRUE(streams.ok()) << streams.status();
  ASSERT_EQ(streams->size(), 2U);
  const BenchStream& gold = (*streams)[0];
  EXPECT_EQ(gold.name, "gold");
  EXPECT_EQ(gold.api_key, "s3cret");
  EXPECT_EQ(gold.deadline, absl::Milliseconds(30));
  EXPECT_EQ(gold.arrivals->RateAt(absl::ZeroDuration()), 20);
  EXPECT_EQ(std::get<ComputeTarget>(*gold.budgets.budgets()[0].target).share, 1);
  const BenchStream& second = (*streams)[1];
  EXPECT_EQ(second.name, "2");
  EXPECT_EQ(second.concurrency, 3);
  EXPECT_FALSE(second.arrivals.has_value()) << "a closed loop does not inherit a rate";
  EXPECT_EQ(second.deadline, absl::Seconds(1.5));
  EXPECT_FALSE(second.tell_deadline);
  EXPECT_EQ(second.api_key, "other");
}

TEST(BenchStream, ErrorsOfAFileNameTheLine) {
  const TemporaryFolder folder;
  const auto error = [&folder](const std::string& text) {
    return std::string(ReadStreams(folder.Write("s.yaml", text), {.rate = "1"}).status().message());
  };
  EXPECT_THAT(error("- rate: 5\n- tempo: 5\n"), HasSubstr("s.yaml:2: 'tempo' is no setting"));
  EXPECT_THAT(error("- rate: 5\n- rate: x\n"), HasSubstr("s.yaml:2: rate: 'x'"));
  EXPECT_THAT(error("- name: a\n- name: a\n"), HasSubstr("two streams are called 'a'"));
  EXPECT_THAT(error("rate: 5\n"), HasSubstr("expected a list of streams"));
  EXPECT_THAT(error("- [\n"), HasSubstr("s.yaml:"));
  EXPECT_THAT(error("- budget: [1, 2]\n"), HasSubstr("budget: expected one value"));
  EXPECT_FALSE(ReadStreams("/no/such", {}).ok());
}

}  // namespace
}  // namespace snapvit::cli
