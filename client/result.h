// What a call gives per image, in plain types: embedding or labels, and the receipt.
#ifndef SNAPVIT_CLIENT_RESULT_H_
#define SNAPVIT_CLIENT_RESULT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace snapvit::client {

// What was asked, what was served, why, and what it cost. Fields as in snapvit.v1.Receipt.
struct Receipt {
  std::string model;
  std::string ordering_id;
  std::string embedding_space_id;  // embeddings with the same id are comparable
  uint32_t rung = 0;               // 0 is the smallest, the highest is dense
  double requested_compute = 0;    // shares of the dense model's FLOPs, (0, 1]
  double served_compute = 0;
  double floor_compute = 0;
  double gflops = 0;                         // per image, 1 MAC = 2 FLOPs
  double mlp_ratio = 0;                      // share of all MLP channels left out
  double head_ratio = 0;                     // share of all heads left out
  std::optional<double> estimated_fidelity;  // (0, 1]; nothing: not measured
  std::string reason;  // "AS_REQUESTED", "LOAD", …: the proto's Reason without its prefix
  absl::Duration queue_time;
  absl::Duration decode_time;
  absl::Duration compute_time;  // of the whole batch
  uint32_t batch_size = 0;
};

struct Embedding {
  std::vector<float> values;   // row-major, whatever dtype it travelled in
  std::vector<int64_t> shape;  // [D], or [patches, D]
};

struct Label {
  uint32_t index = 0;
  std::string label;  // empty: the model names no classes
  float score = 0;
};

// Results of one image. An error's reason and retry delay: client/rpc_error.h.
struct EmbedResult {
  absl::StatusOr<Embedding> embedding = absl::UnknownError("not answered");
  std::optional<Receipt> receipt;
};
struct ClassifyResult {
  absl::StatusOr<std::vector<Label>> labels = absl::UnknownError("not answered");  // best first
  std::optional<Receipt> receipt;
};

}  // namespace snapvit::client

#endif  // SNAPVIT_CLIENT_RESULT_H_
