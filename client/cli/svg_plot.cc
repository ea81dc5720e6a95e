#include "client/cli/svg_plot.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "client/cli/plot_axis.h"

namespace snapvit::cli {
namespace {

// Pixels. A panel is its axes and the margins round them; the head is above all panels.
constexpr double kHead = 58;
constexpr double kMarginLeft = 62;
constexpr double kMarginRight = 30;
constexpr double kMarginTop = 30;  // the legend is in it
constexpr double kMarginBottom = 50;
constexpr double kAxesWidth = 440;
constexpr double kAxesHeight = 260;
constexpr double kPanelWidth = kMarginLeft + kAxesWidth + kMarginRight;
constexpr double kPanelHeight = kMarginTop + kAxesHeight + kMarginBottom;
constexpr double kLetterWidth = 6.4;  // of the legend's font, on average

// Contrast of 3 or more on white and on near-black, and told apart by colour-blind eyes.
constexpr std::array<const char*, 6> kColours = {"#3b82f6", "#d55e00", "#009e73",
                                                 "#a66fb5", "#b8860b", "#0e94a5"};

constexpr char kStyle[] = R"(<style>
text { font-family: system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; font-size: 12px; fill: #75808c; }
.title { font-size: 17px; font-weight: 600; }
.grid { stroke: #8b949e; stroke-opacity: 0.3; }
.axis { stroke: #8b949e; }
.line { fill: none; stroke-width: 2.25; stroke-linejoin: round; }
</style>
)";

// XML has no place for control characters.
std::string Escape(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < ' '; }, ' ');
  return absl::StrReplaceAll(text,
                             {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}});
}

std::string TextAt(double x, double y, const char* attributes, const std::string& text) {
  return absl::StrFormat("<text x=\"%.1f\" y=\"%.1f\" %s>%s</text>\n", x, y, attributes,
                         Escape(text));
}

std::string LineFrom(double x1, double y1, double x2, double y2, const std::string& attributes) {
  return absl::StrFormat("<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" %s/>\n", x1, y1, x2,
                         y2, attributes);
}

std::vector<double> Values(const PlotPanel& panel, double PlotPoint::*coordinate) {
  std::vector<double> values;
  for (const PlotSeries& series : panel.series) {
    for (const PlotPoint& point : series.points) values.push_back(point.*coordinate);
  }
  return values;
}

PlotAxis YAxis(const PlotPanel& panel) {
  std::vector<double> values = Values(panel, &PlotPoint::y);
  if (panel.y_from_zero) values.push_back(0);
  return PlotAxis(values);
}

// One panel, drawn with the upper left corner of its axes as the origin.
class PanelDrawing {
 public:
  explicit PanelDrawing(const PlotPanel& panel)
      : panel_(panel), x_(Values(panel, &PlotPoint::x)), y_(YAxis(panel)) {}

  std::string ToText() const {
    std::string svg = Axes();
    if (panel_.series.size() > 1) svg += Legend();
    for (size_t i = 0; i < panel_.series.size(); ++i) svg += Line(panel_.series[i], Colour(i));
    return svg;
  }

 private:
  static const char* Colour(size_t series) { return kColours[series % kColours.size()]; }
  double X(double value) const { return kAxesWidth * x_.Position(value); }
  double Y(double value) const { return kAxesHeight * (1 - y_.Position(value)); }

  std::string Axes() const {
    std::string svg;
    for (const double tick : y_.Ticks()) {
      svg += LineFrom(0, Y(tick), kAxesWidth, Y(tick), "class=\"grid\"");
      svg += TextAt(-8, Y(tick) + 4, "text-anchor=\"end\"", y_.TickText(tick));
    }
    svg += LineFrom(0, kAxesHeight, kAxesWidth, kAxesHeight, "class=\"axis\"");
    for (const double tick : x_.Ticks()) {
      svg += LineFrom(X(tick), kAxesHeight, X(tick), kAxesHeight + 5, "class=\"axis\"");
      svg += TextAt(X(tick), kAxesHeight + 20, "text-anchor=\"middle\"", x_.TickText(tick));
    }
    svg += TextAt(kAxesWidth / 2, kAxesHeight + 42, "text-anchor=\"middle\"", panel_.x_title);
    svg += TextAt(-kAxesHeight / 2, -46, "text-anchor=\"middle\" transform=\"rotate(-90)\"",
                  panel_.y_title);
    return svg;
  }

  std::string Legend() const {
    std::string svg;
    double x = 0;
    for (size_t i = 0; i < panel_.series.size(); ++i) {
      const std::string& name = panel_.series[i].name;
      svg +=
          LineFrom(x, -16, x + 18, -16, absl::StrCat("class=\"line\" stroke=\"", Colour(i), "\""));
      svg += TextAt(x + 24, -12, "", name);
      x += 24 + kLetterWidth * static_cast<double>(name.size()) + 16;
    }
    return svg;
  }

  std::string Line(const PlotSeries& series, const char* colour) const {
    std::vector<PlotPoint> points = series.points;
    std::sort(points.begin(), points.end(),
              [](const PlotPoint& a, const PlotPoint& b) { return a.x < b.x; });
    std::string corners;
    std::string markers;
    for (const PlotPoint& point : points) {
      absl::StrAppendFormat(&corners, "%.1f,%.1f ", X(point.x), Y(point.y));
      absl::StrAppendFormat(&markers, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\" fill=\"%s\"/>\n",
                            X(point.x), Y(point.y), colour);
    }
    return absl::StrFormat("<polyline class=\"line\" stroke=\"%s\" points=\"%s\"/>\n%s", colour,
                           corners, markers);
  }

  const PlotPanel& panel_;
  const PlotAxis x_;
  const PlotAxis y_;
};

}  // namespace

std::string SvgPlot::ToText() const {
  const double width = kPanelWidth * static_cast<double>(std::max<size_t>(panels.size(), 1));
  const double height = kHead + kPanelHeight;
  std::string svg = absl::StrFormat(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
      "viewBox=\"0 0 %.0f %.0f\" role=\"img\">\n<title>%s</title>\n%s",
      width, height, width, height, Escape(title), kStyle);
  svg += TextAt(kMarginLeft, 26, "class=\"title\"", title);
  svg += TextAt(kMarginLeft, 46, "", subtitle);
  for (size_t i = 0; i < panels.size(); ++i) {
    absl::StrAppendFormat(&svg, "<g transform=\"translate(%.1f %.1f)\">\n%s</g>\n",
                          kPanelWidth * static_cast<double>(i) + kMarginLeft, kHead + kMarginTop,
                          PanelDrawing(panels[i]).ToText());
  }
  return svg + "</svg>\n";
}

}  // namespace snapvit::cli
