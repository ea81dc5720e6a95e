// SvgPlot: lines in one or more panels, two a row or stacked, as an SVG for a web page or a README.
// Colours are readable on light and on dark ground; the ground itself is transparent.
#ifndef SNAPVIT_CLIENT_CLI_SVG_PLOT_H_
#define SNAPVIT_CLIENT_CLI_SVG_PLOT_H_

#include <string>
#include <vector>

namespace snapvit::cli {

struct PlotPoint {
  double x = 0;
  double y = 0;
};

struct PlotSeries {
  std::string name;
  std::vector<PlotPoint> points;  // in any order
  bool markers = true;            // a dot at each point
  bool dashed = false;
};

struct PlotPanel {
  std::string y_title;
  std::string x_title;
  std::vector<PlotSeries> series;  // six colours; the next six are dashed
  bool y_from_zero = false;
};

enum class PlotLayout {
  kGrid,   // two panels a row, each with axes of its own
  kStack,  // wide and low panels one below the other, with one x axis, whose title is the last
           // one's
};

struct SvgPlot {
  std::string title;
  std::string subtitle;
  std::vector<PlotPanel> panels;
  PlotLayout layout = PlotLayout::kGrid;

  // A whole document of well-formed XML, if the texts are UTF-8.
  std::string ToText() const;
};

}  // namespace snapvit::cli

#endif  // SNAPVIT_CLIENT_CLI_SVG_PLOT_H_
