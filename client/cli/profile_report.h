// ProfileReport: what `profile` measured, as a table or JSON.
#ifndef SNAPVIT_CLIENT_CLI_PROFILE_REPORT_H_
#define SNAPVIT_CLIENT_CLI_PROFILE_REPORT_H_

#include <string>
#include <vector>

#include "client/cli/json_output.h"
#include "core/engine/profile.h"

namespace snapvit::cli {

struct ProfileReport {
  struct Row {
    std::string budget;  // as it was given
    double served_compute = 1;
    double gflops = 0;  // per image
    ProfileCell cell;
  };

  std::string model;
  std::string device;  // "cpu" or "cuda:N"
  std::string dtype;
  int threads = 0;
  bool uniform = false;  // keep counts uniform over the blocks, for want of an ordering
  std::vector<Row> rows;

  std::string ToText() const;
  // {"model", "device", "dtype", "threads", "keep_counts", "cells"}.
  Json ToJson() const;
};

}  // namespace snapvit::cli

#endif  // SNAPVIT_CLIENT_CLI_PROFILE_REPORT_H_
