// PlotAxis: the range of one axis of a plot, with round ticks.
#ifndef SNAPVIT_CLIENT_CLI_PLOT_AXIS_H_
#define SNAPVIT_CLIENT_CLI_PLOT_AXIS_H_

#include <span>
#include <string>
#include <vector>

namespace snapvit::cli {

class PlotAxis {
 public:
  // The smallest range from tick to tick that holds all values, with about five ticks at multiples
  // of 1, 2 or 5 times a power of ten. No values: 0 to 1.
  explicit PlotAxis(std::span<const double> values);

  std::vector<double> Ticks() const;
  // With as many digits behind the point as ticks need to differ.
  std::string TickText(double tick) const;
  // 0 at the low end, 1 at the high end.
  double Position(double value) const { return (value - low_) / (high_ - low_); }

 private:
  double low_ = 0;
  double high_ = 1;
  double step_ = 0.2;
};

}  // namespace snapvit::cli

#endif  // SNAPVIT_CLIENT_CLI_PLOT_AXIS_H_
