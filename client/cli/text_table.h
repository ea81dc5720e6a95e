// TextTable: rows of text in aligned columns, for people.
#ifndef SNAPVIT_CLIENT_CLI_TEXT_TABLE_H_
#define SNAPVIT_CLIENT_CLI_TEXT_TABLE_H_

#include <optional>
#include <string>
#include <vector>

namespace snapvit::cli {

class TextTable {
 public:
  enum class Align { kLeft, kRight };
  struct Column {
    std::string title;
    Align align = Align::kRight;
  };

  explicit TextTable(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // REQUIRES: as many cells as columns.
  void AddRow(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }

  // Title line and rows, columns two spaces apart, no trailing spaces.
  std::string ToText() const;
  // The same as comma-separated values: cells with a comma, quote or line break are quoted.
  std::string ToCsv() const;

 private:
  std::string Line(const std::vector<std::string>& cells, const std::vector<size_t>& widths) const;

  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// `value` with `digits` behind the point; "-" for nothing.
std::string FormatNumber(const std::optional<double>& value, int digits);

}  // namespace snapvit::cli

#endif  // SNAPVIT_CLIENT_CLI_TEXT_TABLE_H_
