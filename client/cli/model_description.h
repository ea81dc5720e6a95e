// ModelDescription: what `inspect` says about a model, wherever it was read: a folder or a server.
#ifndef SNAPVIT_CLIENT_CLI_MODEL_DESCRIPTION_H_
#define SNAPVIT_CLIENT_CLI_MODEL_DESCRIPTION_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/elastic/elastic_model.h"
#include "snapvit/v1/models.pb.h"

namespace snapvit::cli {

struct RungDescription {
  int rung = 0;          // 0 is the smallest, the last is dense
  double compute = 1;    // share of the dense FLOPs
  double gflops = 0;     // per image
  double mlp_ratio = 0;  // shares removed
  double head_ratio = 0;
  double sparsity = 0;
  std::optional<double> fidelity;  // nothing: not measured
  std::optional<double> fidelity_error;
  std::optional<double> agreement;
  // A server says neither.
  std::optional<double> overlap;           // of neighbours
  std::optional<double> correction_share;  // of the rung's FLOPs
};

struct ModelDescription {
  std::string name;
  std::string architecture;
  uint64_t parameters = 0;
  double gflops = 0;                // of the dense model, per image
  std::array<int, 3> input_size{};  // channels, height, width
  int embedding_dim = 0;
  int classes = 0;
  int blocks = 0;
  int heads = 0;   // per block
  int hidden = 0;  // MLP channels per block
  std::string ordering_id;
  std::string embedding_space_id;
  std::string calibration_source;  // empty: no ordering
  std::string state;               // of a server; empty for a folder
  std::vector<RungDescription> ladder;
};

// A model in memory; without an ordering its ladder is the dense rung alone.
ModelDescription Describe(const ElasticModel& model);
// `info` as a server's GetModel gives it.
ModelDescription Describe(const v1::ModelInfo& info);

}  // namespace snapvit::cli

#endif  // SNAPVIT_CLIENT_CLI_MODEL_DESCRIPTION_H_
