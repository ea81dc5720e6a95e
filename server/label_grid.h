// LabelGrid: the time series of one metric for every combination of a few label values, by index.
// Series are looked up in the Prometheus family once and then found by position: recording is an
// array access, not a hash of strings.
#ifndef SNAPVIT_SERVER_LABEL_GRID_H_
#define SNAPVIT_SERVER_LABEL_GRID_H_

#include <prometheus/family.h>
#include <prometheus/labels.h>

#include <atomic>
#include <cstddef>
#include <functional>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

namespace snapvit {

struct LabelDimension {
  std::string name;
  std::vector<std::string> values;
};

// M: prometheus::Counter, Gauge or Histogram. Thread-safe. The family is borrowed and outlives the
// grid.
template <typename M>
class LabelGrid {
 public:
  // `base`: labels of every series. `add` makes a series (it passes bucket bounds and the like).
  using Add = std::function<M&(const prometheus::Labels&)>;

  LabelGrid(prometheus::Labels base, std::vector<LabelDimension> dimensions, Add add)
      : base_(std::move(base)),
        dimensions_(std::move(dimensions)),
        add_(std::move(add)),
        series_(Size()) {}

  // The series at these indices, one a dimension. It appears in scrapes, as 0, from the first call
  // on.
  M& At(std::initializer_list<size_t> indices) {
    size_t flat = 0;
    size_t dimension = 0;
    for (const size_t index : indices) flat = flat * dimensions_[dimension++].values.size() + index;
    M* series = series_[flat].load(std::memory_order_acquire);
    if (series == nullptr) {
      series = &add_(LabelsOf(indices));  // the family gives the same series to two racing threads
      series_[flat].store(series, std::memory_order_release);
    }
    return *series;
  }

 private:
  size_t Size() const {
    size_t size = 1;
    for (const LabelDimension& dimension : dimensions_) size *= dimension.values.size();
    return size;
  }

  prometheus::Labels LabelsOf(std::initializer_list<size_t> indices) const {
    prometheus::Labels labels = base_;
    size_t dimension = 0;
    for (const size_t index : indices) {
      labels[dimensions_[dimension].name] = dimensions_[dimension].values[index];
      ++dimension;
    }
    return labels;
  }

  const prometheus::Labels base_;
  const std::vector<LabelDimension> dimensions_;
  const Add add_;
  std::vector<std::atomic<M*>> series_;
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_LABEL_GRID_H_
