#include "client/cli/svg_plot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/client/cli/well_formed_xml.h"

namespace snapvit::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

PlotPanel Panel(std::vector<PlotSeries> series) {
  return {"quality", "compute", std::move(series), /*y_from_zero=*/false};
}

TEST(WellFormedXml, TellsGoodFromBad) {
  EXPECT_TRUE(IsWellFormedXml("<a b=\"1\">x &amp; y<c/></a>\n"));
  for (const char* bad :
       {"<a>", "<a></b>", "<a b=1/>", "<a>x & y</a>", "<a/><a/>", "<a><b></a></b>"}) {
    EXPECT_FALSE(IsWellFormedXml(bad)) << bad;
  }
}

TEST(SvgPlot, IsWellFormedWhateverTheTextsAre) {
  SvgPlot plot;
  plot.title = "a<b> & \"c\"\x01";
  plot.subtitle = "größer";
  plot.panels = {Panel({{"<x>", {{0.5, 0.7}, {1, 0.9}}}, {"y&z", {{1, 1}}}}), Panel({})};
  const std::string svg = plot.ToText();
  EXPECT_TRUE(IsWellFormedXml(svg));
  EXPECT_THAT(svg, HasSubstr("a&lt;b&gt; &amp; &quot;c&quot; "));
  EXPECT_TRUE(IsWellFormedXml(SvgPlot().ToText()));
}

TEST(SvgPlot, DrawsALineFromLeftToRightThroughItsPoints) {
  SvgPlot plot;
  plot.panels = {Panel({{"only", {{1, 1}, {0, 0}}}})};
  const std::string svg = plot.ToText();
  EXPECT_THAT(svg, HasSubstr("points=\"0.0,260.0 440.0,0.0 \""));
  EXPECT_THAT(svg, Not(HasSubstr(">only<"))) << "one series needs no legend";
}

}  // namespace
}  // namespace snapvit::cli
