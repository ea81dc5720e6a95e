// NpyRows: a growing array of equally shaped rows, one an image; a row that is missing is all NaN.
#ifndef SNAPVIT_CLIENT_CLI_NPY_ROWS_H_
#define SNAPVIT_CLIENT_CLI_NPY_ROWS_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace snapvit::cli {

class NpyRows {
 public:
  // False, without effect, if the shape is not that of the rows before.
  [[nodiscard]] bool Add(const std::vector<int64_t>& shape, std::span<const float> values);
  void AddMissing();

  // [rows, …shape of a row]; [rows, 0] while every row is missing.
  std::vector<int64_t> shape() const;
  absl::Status Write(const std::string& path) const;

 private:
  size_t RowSize() const;

  std::optional<std::vector<int64_t>> row_shape_;  // of the first row that is not missing
  int64_t rows_ = 0;
  std::vector<float> values_;
};

}  // namespace snapvit::cli

#endif  // SNAPVIT_CLIENT_CLI_NPY_ROWS_H_
