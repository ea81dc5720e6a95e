#include "client/cli/text_table.h"

#include <gtest/gtest.h>

namespace snapvit::cli {
namespace {

TEST(TextTable, AlignsColumnsByWhatIsSeen) {
  TextTable table({{"name", TextTable::Align::kLeft}, {"±"}});
  table.AddRow({"a", "0.25"});
  table.AddRow({"long", "1"});
  EXPECT_EQ(table.ToText(),
            "name     ±\n"
            "a     0.25\n"
            "long     1\n");
}

TEST(TextTable, CsvQuotesWhatWouldBreakIt) {
  TextTable table({{"budget"}, {"note"}});
  table.AddRow({"mlp:.25/heads:.1", "a,b \"c\""});
  EXPECT_EQ(table.ToCsv(), "budget,note\nmlp:.25/heads:.1,\"a,b \"\"c\"\"\"\n");
}

TEST(FormatNumber, NothingIsADash) {
  EXPECT_EQ(FormatNumber(0.12345, 3), "0.123");
  EXPECT_EQ(FormatNumber(std::nullopt, 3), "-");
}

}  // namespace
}  // namespace snapvit::cli
