#include "client/cli/plot_axis.h"

#include <gtest/gtest.h>

namespace snapvit::cli {
namespace {

std::vector<std::string> TickTexts(std::vector<double> values) {
  const PlotAxis axis(values);
  std::vector<std::string> texts;
  for (const double tick : axis.Ticks()) texts.push_back(axis.TickText(tick));
  return texts;
}

TEST(PlotAxis, TicksAreRoundAndHoldAllValues) {
  EXPECT_EQ(TickTexts({0.3, 1}), (std::vector<std::string>{"0.2", "0.4", "0.6", "0.8", "1.0"}));
  EXPECT_EQ(TickTexts({0, 5.24}), (std::vector<std::string>{"0", "2", "4", "6"}));
  EXPECT_EQ(TickTexts({0, 1200}), (std::vector<std::string>{"0", "500", "1000", "1500"}));
}

TEST(PlotAxis, EndsWhereARoundValueEnds) {
  const PlotAxis axis(std::vector<double>{0.5, 1});
  EXPECT_DOUBLE_EQ(axis.Position(0.5), 0);
  EXPECT_DOUBLE_EQ(axis.Position(1), 1);
}

TEST(PlotAxis, OneValueOrNoneStillHasARange) {
  for (const std::vector<double>& values : {std::vector<double>{}, {1}, {0}, {0.123}, {-3}}) {
    const PlotAxis axis(values);
    EXPECT_GE(axis.Ticks().size(), 2U);
    if (values.empty()) continue;
    EXPECT_GE(axis.Position(values[0]), -1e-9);
    EXPECT_LE(axis.Position(values[0]), 1 + 1e-9);
  }
}

}  // namespace
}  // namespace snapvit::cli
