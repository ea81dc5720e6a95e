#include "client/cli/svg_plot.h"

#include <algorithm>
#include <array>
#include <span>

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
constexpr double kMarginTop = 12;
constexpr double kLegendLine = 18;    // above the axes
constexpr double kLetterWidth = 6.4;  // of the legend's font, on average

struct PanelShape {
  double width = 440;  // of the axes
  double height = 260;
  double margin_bottom = 50;
  size_t per_row = 2;
};

PanelShape ShapeOf(PlotLayout layout) {
  if (layout == PlotLayout::kGrid) return {};
  return {.width = 860, .height = 150, .margin_bottom = 22, .per_row = 1};
}

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
  // `x_values`: what the x axis has to hold.
  PanelDrawing(const PlotPanel& panel, const PanelShape& shape, std::span<const double> x_values,
               bool x_labels)
      : panel_(panel), shape_(shape), x_(x_values), y_(YAxis(panel)), x_labels_(x_labels) {}

  std::string ToText() const {
    std::string svg = Axes();
    if (panel_.series.size() > 1) svg += Legend();
    for (size_t i = 0; i < panel_.series.size(); ++i) svg += Line(i);
    return svg;
  }

  size_t LegendLines() const {
    return panel_.series.size() > 1 ? LegendPlaces().back().line + 1 : 0;
  }

 private:
  struct LegendPlace {
    double x;
    size_t line;
  };

  static const char* Colour(size_t series) { return kColours[series % kColours.size()]; }
  // Attributes of a line.
  std::string Stroke(size_t series) const {
    const bool dashed = series >= kColours.size() || panel_.series[series].dashed;
    return absl::StrCat("class=\"line\" stroke=\"", Colour(series), "\"",
                        dashed ? " stroke-dasharray=\"6 4\"" : "");
  }
  double X(double value) const { return shape_.width * x_.Position(value); }
  double Y(double value) const { return shape_.height * (1 - y_.Position(value)); }

  std::string Axes() const {
    std::string svg;
    for (const double tick : y_.Ticks()) {
      svg += LineFrom(0, Y(tick), shape_.width, Y(tick), "class=\"grid\"");
      svg += TextAt(-8, Y(tick) + 4, "text-anchor=\"end\"", y_.TickText(tick));
    }
    const double bottom = shape_.height;
    svg += LineFrom(0, bottom, shape_.width, bottom, "class=\"axis\"");
    for (const double tick : x_.Ticks()) {
      svg += LineFrom(X(tick), bottom, X(tick), bottom + 5, "class=\"axis\"");
      if (!x_labels_) continue;
      svg += TextAt(X(tick), bottom + 20, "text-anchor=\"middle\"", x_.TickText(tick));
    }
    if (x_labels_) {
      svg += TextAt(shape_.width / 2, bottom + 42, "text-anchor=\"middle\"", panel_.x_title);
    }
    svg += TextAt(-bottom / 2, -46, "text-anchor=\"middle\" transform=\"rotate(-90)\"",
                  panel_.y_title);
    return svg;
  }

  // From left to right, on the next line where the width ends.
  std::vector<LegendPlace> LegendPlaces() const {
    std::vector<LegendPlace> places;
    LegendPlace next{0, 0};
    for (const PlotSeries& series : panel_.series) {
      const double width = 24 + kLetterWidth * static_cast<double>(series.name.size()) + 16;
      if (next.x > 0 && next.x + width > shape_.width + kMarginRight) next = {0, next.line + 1};
      places.push_back(next);
      next.x += width;
    }
    return places;
  }

  std::string Legend() const {
    const std::vector<LegendPlace> places = LegendPlaces();
    std::string svg;
    for (size_t i = 0; i < places.size(); ++i) {
      const double x = places[i].x;
      const double y = -12 - kLegendLine * static_cast<double>(places.back().line - places[i].line);
      svg += LineFrom(x, y - 4, x + 18, y - 4, Stroke(i));
      svg += TextAt(x + 24, y, "", panel_.series[i].name);
    }
    return svg;
  }

  std::string Line(size_t index) const {
    std::vector<PlotPoint> points = panel_.series[index].points;
    std::sort(points.begin(), points.end(),
              [](const PlotPoint& a, const PlotPoint& b) { return a.x < b.x; });
    std::string corners;
    std::string markers;
    for (const PlotPoint& point : points) {
      absl::StrAppendFormat(&corners, "%.1f,%.1f ", X(point.x), Y(point.y));
      if (!panel_.series[index].markers) continue;
      absl::StrAppendFormat(&markers, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\" fill=\"%s\"/>\n",
                            X(point.x), Y(point.y), Colour(index));
    }
    return absl::StrFormat("<polyline %s points=\"%s\"/>\n%s", Stroke(index), corners, markers);
  }

  const PlotPanel& panel_;
  const PanelShape& shape_;
  const PlotAxis x_;
  const PlotAxis y_;
  const bool x_labels_;
};

std::vector<PanelDrawing> Drawings(const SvgPlot& plot, const PanelShape& shape) {
  std::vector<double> all_x;
  for (const PlotPanel& panel : plot.panels) {
    const std::vector<double> values = Values(panel, &PlotPoint::x);
    all_x.insert(all_x.end(), values.begin(), values.end());
  }
  const bool stacked = plot.layout == PlotLayout::kStack;
  std::vector<PanelDrawing> drawings;
  for (const PlotPanel& panel : plot.panels) {
    const bool x_labels = !stacked || &panel == &plot.panels.back();
    drawings.emplace_back(panel, shape, stacked ? all_x : Values(panel, &PlotPoint::x), x_labels);
  }
  return drawings;
}

}  // namespace

std::string SvgPlot::ToText() const {
  const PanelShape shape = ShapeOf(layout);
  const std::vector<PanelDrawing> drawings = Drawings(*this, shape);
  size_t legend_lines = 0;
  for (const PanelDrawing& drawing : drawings) {
    legend_lines = std::max(legend_lines, drawing.LegendLines());
  }
  const double margin_top = kMarginTop + kLegendLine * static_cast<double>(legend_lines);
  const double panel_width = kMarginLeft + shape.width + kMarginRight;
  const double panel_height = margin_top + shape.height + shape.margin_bottom;
  const size_t columns = std::clamp<size_t>(panels.size(), 1, shape.per_row);
  const size_t rows = (std::max<size_t>(panels.size(), 1) + columns - 1) / columns;
  const double width = panel_width * static_cast<double>(columns);
  // Below the last row the labels of the x axis take their place in every layout.
  const double below = PanelShape().margin_bottom - shape.margin_bottom;
  const double height = kHead + panel_height * static_cast<double>(rows) + below;
  std::string svg = absl::StrFormat(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
      "viewBox=\"0 0 %.0f %.0f\" role=\"img\">\n<title>%s</title>\n%s",
      width, height, width, height, Escape(title), kStyle);
  svg += TextAt(kMarginLeft, 26, "class=\"title\"", title);
  svg += TextAt(kMarginLeft, 46, "", subtitle);
  for (size_t i = 0; i < panels.size(); ++i) {
    const double left = panel_width * static_cast<double>(i % columns);
    const double top = kHead + panel_height * static_cast<double>(i / columns);
    absl::StrAppendFormat(&svg, "<g transform=\"translate(%.1f %.1f)\">\n%s</g>\n",
                          left + kMarginLeft, top + margin_top, drawings[i].ToText());
  }
  return svg + "</svg>\n";
}

}  // namespace snapvit::cli
