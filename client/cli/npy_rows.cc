#include "client/cli/npy_rows.h"

#include <functional>
#include <limits>
#include <numeric>

#include "client/cli/npy_file.h"

namespace snapvit::cli {

size_t NpyRows::RowSize() const {
  if (!row_shape_.has_value()) return 0;
  return static_cast<size_t>(
      std::accumulate(row_shape_->begin(), row_shape_->end(), int64_t{1}, std::multiplies<>()));
}

bool NpyRows::Add(const std::vector<int64_t>& shape, std::span<const float> values) {
  if (!row_shape_.has_value()) {
    row_shape_ = shape;  // rows that went missing before now get their size
    values_.assign(rows_ * RowSize(), std::numeric_limits<float>::quiet_NaN());
  }
  if (*row_shape_ != shape) return false;
  values_.insert(values_.end(), values.begin(), values.end());
  ++rows_;
  return true;
}

void NpyRows::AddMissing() {
  values_.insert(values_.end(), RowSize(), std::numeric_limits<float>::quiet_NaN());
  ++rows_;
}

std::vector<int64_t> NpyRows::shape() const {
  std::vector<int64_t> shape = {rows_};
  if (!row_shape_.has_value()) {
    shape.push_back(0);
  } else {
    shape.insert(shape.end(), row_shape_->begin(), row_shape_->end());
  }
  return shape;
}

absl::Status NpyRows::Write(const std::string& path) const {
  return WriteNpy(path, shape(), values_);
}

}  // namespace snapvit::cli
