// ElasticModel: one pretrained model with its ordering, ladder and permuted weights: everything
// that serving a request at any budget needs. Plain C++ in this header; the tensors are behind
// `state()`.
#ifndef SNAPVIT_CORE_ELASTIC_ELASTIC_MODEL_H_
#define SNAPVIT_CORE_ELASTIC_ELASTIC_MODEL_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/device/cuda_module.h"
#include "core/elastic/cost_model.h"
#include "core/elastic/execution_dtype.h"
#include "core/elastic/keep_rule.h"
#include "core/elastic/ladder.h"
#include "core/elastic/ordering.h"
#include "core/image/preprocessing.h"
#include "core/model/vit_config.h"

namespace snapvit {

struct ModelFolder;

// FAILED_PRECONDITION if such a model cannot be run in `dtype` here: what is in its way. Only int8
// asks for something.
absl::Status CheckDtypeRuns(ExecutionDtype dtype, const VitConfig& config, bool on_gpu);

// Immutable after creation: shared by all requests that were admitted while it was current, and
// released with the last.
class ElasticModel {
 public:
  struct Options {
    LadderOptions ladder;
    ExecutionDtype dtype = ExecutionDtype::kFloat32;
    bool kernels = true;  // run by core/kernels where the processor has them, else by ATen
    std::string name;     // empty: the folder's
    // Of the GPU that the weights are on: runs views as graphs, so many batches at a time.
    std::optional<CudaModule> cuda;
    int streams = 1;
    std::string weights_hash;  // ModelHashes::weights, for embedding space ids
  };

  // Permutes the weights of `folder` by `ordering` (nothing: the dense model alone, one rung). The
  // model does not refer to `folder` afterwards. FAILED_PRECONDITION if the ordering does not fit,
  // or the dtype does not run; RESOURCE_EXHAUSTED if memory is.
  static absl::StatusOr<std::shared_ptr<const ElasticModel>> Create(
      const ModelFolder& folder, std::optional<Ordering> ordering, const Options& options);
  ~ElasticModel();

  const std::string& name() const { return name_; }
  const VitConfig& config() const { return config_; }
  const Preprocessing& preprocessing() const { return preprocessing_; }
  const std::vector<std::string>& labels() const { return labels_; }  // empty: unnamed classes
  const CostModel& cost() const { return cost_; }
  const Ladder& ladder() const { return ladder_; }
  // Null if the model is dense alone. Its corrections are not there: the views have them.
  const Ordering* ordering() const { return ordering_ ? &*ordering_ : nullptr; }
  const UnitRanking* ranking() const { return ranking_ ? &*ranking_ : nullptr; }
  const std::string& ordering_id() const { return ordering_id_; }  // "dense" without an ordering
  // The space that embeddings of this pooling (its name in the protocol) and length live in: equal
  // ids, comparable vectors.
  std::string EmbeddingSpace(std::string_view pooling, int dimensions) const;
  ExecutionDtype dtype() const { return options_.dtype; }
  uint64_t parameters() const { return parameters_; }
  // Where the weights are and forwards run: "cpu" or "cuda:N".
  std::string device() const;
  // Bytes of the one copy of the weights; views add none.
  size_t weight_bytes() const;
  // Bytes of the corrections of all rungs together.
  size_t correction_bytes() const;

  // Whether forward passes run by core/kernels, and by whose: of an instruction set, "AMX BF16"
  // say, "CUDA graphs", or "LibTorch".
  bool uses_kernels() const;
  std::string_view kernels() const;

  // On a GPU: CUDA graphs that there are now, and why one could not be made, if so: what they would
  // have computed is computed all the same, slower.
  size_t graphs() const;
  absl::Status graph_failure() const;

  // Weights and views, for the folders that compute (core/elastic/elastic_state.h).
  struct State;
  const State& state() const { return *state_; }

 private:
  ElasticModel(const ModelFolder& folder, Ladder ladder, const Options& options);

  std::string name_;
  VitConfig config_;
  Preprocessing preprocessing_;
  std::vector<std::string> labels_;
  CostModel cost_;
  Ladder ladder_;
  std::optional<Ordering> ordering_;
  std::optional<UnitRanking> ranking_;
  std::string ordering_id_ = "dense";
  Options options_;
  uint64_t parameters_ = 0;
  std::unique_ptr<State> state_;
};

}  // namespace snapvit

#endif  // SNAPVIT_CORE_ELASTIC_ELASTIC_MODEL_H_
