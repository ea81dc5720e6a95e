#include "core/load/arrival_trace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/testing/temporary_folder.h"

namespace snapvit {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string ErrorOf(const std::string& text) {
  return std::string(ParseArrivalTrace(text, "t.txt").status().message());
}

TEST(ArrivalTrace, ReadsTimesAndSkipsCommentsAndBlankLines) {
  const TemporaryFolder folder;
  const auto trace =
      ReadArrivalTrace(folder.Write("t.txt", "# seconds\r\n0\r\n 0.25  # twice\n\n0.25\n1e1"));
  ASSERT_TRUE(trace.ok()) << trace.status();
  EXPECT_THAT(*trace, ElementsAre(absl::ZeroDuration(), absl::Milliseconds(250),
                                  absl::Milliseconds(250), absl::Seconds(10)));
}

TEST(ArrivalTrace, ErrorsNameTheLineAndItsText) {
  EXPECT_THAT(ErrorOf("1\n# x\nsoon\n"), HasSubstr("t.txt:3: 'soon' is no arrival"));
  EXPECT_THAT(ErrorOf("1\n-2\n"), HasSubstr("t.txt:2: '-2'"));
  EXPECT_THAT(ErrorOf("nan\n"), HasSubstr("t.txt:1: 'nan'"));
  EXPECT_THAT(ErrorOf("1,2\n"), HasSubstr("t.txt:1: '1,2'"));
  EXPECT_THAT(ErrorOf("3\n2.5\n"), HasSubstr("t.txt:2: arrival at 2.5 s is before the one at 3 s"));
  EXPECT_THAT(ErrorOf("# nothing\n"), HasSubstr("t.txt has no arrivals"));
  EXPECT_EQ(ReadArrivalTrace("/no/such").status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace snapvit
