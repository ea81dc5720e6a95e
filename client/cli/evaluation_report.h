// EvaluationReport: what `evaluate` found, as a table, CSV, JSON or a plot.
#ifndef SNAPVIT_CLIENT_CLI_EVALUATION_REPORT_H_
#define SNAPVIT_CLIENT_CLI_EVALUATION_REPORT_H_

#include <optional>
#include <string>
#include <vector>

#include "client/cli/json_output.h"
#include "core/snapvit/evaluation.h"

namespace snapvit::cli {

struct EvaluationReport {
  struct Row {
    std::string ordering;  // its name, of those below
    std::string budget;    // as it was given
    double served_compute = 1;
    double gflops = 0;  // per image
    EvaluationRow quality;
    std::optional<double> latency_ms;  // median of single images
  };

  struct Compared {
    std::string name;
    std::string ordering_id;
  };

  std::string model;
  std::vector<Compared> orderings;  // at least one
  std::string dtype;
  size_t images = 0;
  size_t train_images = 0;
  std::vector<Row> rows;  // ordering by ordering

  std::string ToText() const;
  // One line a row, titles as in JSON, the ordering last; empty cells for what was not measured.
  std::string ToCsv() const;
  // {"model", …, "images", "orderings", "rows"}; what was not measured is null.
  Json ToJson() const;
  // Quality against compute and, if measured, latency against compute: of one ordering all
  // qualities in one panel, of several a panel a quality, with a curve an ordering.
  std::string ToSvg() const;
};

}  // namespace snapvit::cli

#endif  // SNAPVIT_CLIENT_CLI_EVALUATION_REPORT_H_
