#include "core/elastic/elastic_model.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/elastic/aten_pass.h"
#include "core/elastic/elastic_state.h"
#include "core/model/fingerprint.h"
#include "core/model/model_folder.h"
#include "core/model/torch_guard.h"

namespace snapvit {
namespace {

at::ScalarType ScalarType(ExecutionDtype dtype) {
  switch (dtype) {
    case ExecutionDtype::kFloat32:
      return at::kFloat;
    case ExecutionDtype::kBFloat16:
      return at::kBFloat16;
    case ExecutionDtype::kInt8:
      return at::kChar;
  }
  return at::kFloat;
}

uint64_t CountParameters(VitWeights weights) {  // a copy of handles
  uint64_t count = 0;
  for (const at::Tensor* tensor : TensorsOf(weights)) {
    if (tensor->defined()) count += static_cast<uint64_t>(tensor->numel());
  }
  return count;
}

// Images of one rung side by side, and back.
at::Tensor TokensByAten(const ElasticModel::State& state, std::span<const int> rungs,
                        const at::Tensor& pixels, int64_t first_tokens) {
  const at::Device device = state.weights.patch_weight.device();
  std::vector<int64_t> order(rungs.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t a, int64_t b) { return rungs[a] < rungs[b]; });
  std::vector<int64_t> place(rungs.size());
  std::vector<ViewGroup> groups;
  for (size_t i = 0; i < order.size(); ++i) {
    place[order[i]] = static_cast<int64_t>(i);
    const View* const view = &state.views[rungs[order[i]]];
    if (groups.empty() || groups.back().view != view) groups.push_back({view, 0});
    ++groups.back().images;
  }
  at::Tensor sorted = pixels.to(device);
  if (groups.size() > 1) sorted = sorted.index_select(0, at::tensor(order, at::kLong).to(device));
  const at::Tensor tokens =
      AtenTokens(state.weights, groups, sorted, first_tokens, /*module=*/nullptr);
  if (groups.size() == 1) return tokens;
  return tokens.index_select(0, at::tensor(place, at::kLong).to(device));
}

}  // namespace

absl::Status CheckDtypeRuns(ExecutionDtype dtype, const VitConfig& config, bool on_gpu) {
  if (dtype == ExecutionDtype::kInt8 && on_gpu) {
    return absl::FailedPreconditionError(
        "dtype int8 is for the CPU's own kernels, not for a GPU, expected fp32, bf16 or auto");
  }
  if (dtype != ExecutionDtype::kInt8 || PackedModel::Supports(config, at::kChar)) {
    return absl::OkStatus();
  }
  if (PackedModel::Supports(config, at::kFloat)) {
    return absl::FailedPreconditionError(
        "dtype int8: this processor has no products of int8 that are made use of (AMX-INT8, "
        "AVX-512 VNNI or AVX-VNNI), expected fp32, bf16 or auto");
  }
  return absl::FailedPreconditionError(
      absl::StrCat("dtype int8: no kernels of this processor run the model, whose heads have ",
                   config.head_dim, " components, expected fp32, bf16 or auto"));
}

ElasticModel::ElasticModel(const ModelFolder& folder, Ladder ladder, const Options& options)
    : name_(options.name.empty() ? folder.name : options.name),
      config_(folder.config),
      preprocessing_(folder.preprocessing),
      labels_(folder.labels),
      cost_(folder.config),
      ladder_(std::move(ladder)),
      options_(options),
      parameters_(CountParameters(folder.weights)),
      state_(std::make_unique<State>()) {}

ElasticModel::~ElasticModel() = default;

absl::StatusOr<std::shared_ptr<const ElasticModel>> ElasticModel::Create(
    const ModelFolder& folder, std::optional<Ordering> ordering, const Options& options) {
  RETURN_IF_ERROR(
      CheckDtypeRuns(options.dtype, folder.config,
                     options.cuda.has_value() || !folder.weights.patch.weight.is_cpu()));
  const at::ScalarType dtype = ScalarType(options.dtype);
  const bool packed = options.kernels && !options.cuda.has_value() &&
                      folder.weights.patch.weight.is_cpu() &&
                      PackedModel::Supports(folder.config, dtype);
  if (options.dtype == ExecutionDtype::kInt8 && !packed) {
    return absl::FailedPreconditionError(
        "dtype int8 is for the CPU's own kernels, not for LibTorch, expected fp32 or bf16");
  }
  if (ordering.has_value()) {
    RETURN_IF_ERROR(CheckOrderingFits(*ordering, folder.config, ordering->model_fingerprint));
  }
  ASSIGN_OR_RETURN(Ladder ladder,
                   Ladder::Create(folder.config, ordering ? &*ordering : nullptr, options.ladder));
  std::shared_ptr<ElasticModel> model(new ElasticModel(folder, std::move(ladder), options));
  if (ordering.has_value()) {
    model->ordering_id_ = ordering->Id();
    model->ranking_.emplace(*ordering);
    model->ordering_ = std::move(ordering);
  }
  State& state = *model->state_;
  // The pages of the file stay in the kernel's cache, not in our memory, once a block is copied.
  const auto let_go = [&folder] {
    for (const auto& file : folder.files) file->DropPages();
  };
  ASSIGN_OR_RETURN(state.weights, Permute(folder.weights, model->ranking(),
                                          PackedModel::WeightsDtype(dtype), let_go));
  if (model->ordering_.has_value()) {
    std::vector<KeepCounts> views;
    for (const Rung& rung : model->ladder_.rungs()) views.push_back(rung.keep);
    ASSIGN_OR_RETURN(state.corrections, CorrectionSet::Create(state.weights, *model->ranking_,
                                                              model->ordering_->corrections,
                                                              options.ladder.corrections, views));
    model->ordering_->corrections = Corrections();  // as large as a tenth of a bf16 model
  }
  if (packed) {
    ASSIGN_OR_RETURN(state.packed, PackedModel::Create(state.weights, state.corrections, dtype));
    state.corrections = CorrectionSet();
    return model;
  }
  RETURN_IF_ERROR(Guard([&]() -> absl::Status {
    for (const Rung& rung : model->ladder_.rungs()) {
      state.views.push_back(MakeView(state.weights, state.corrections, rung.keep));
    }
    if (!options.cuda.has_value()) return absl::OkStatus();
    GpuModel::Options gpu;
    gpu.streams = options.streams;
    state.gpu = std::make_unique<GpuModel>(state.weights, state.views, *options.cuda, gpu);
    // Streams of its own do not wait for the one that made the weights.
    return options.cuda->Synchronize(
        state.weights.patch_weight.is_cuda() ? state.weights.patch_weight.get_device() : 0);
  }));
  return model;
}

std::string ElasticModel::EmbeddingSpace(std::string_view pooling, int dimensions) const {
  return EmbeddingSpaceId(options_.weights_hash, preprocessing_, pooling, dimensions);
}

std::string ElasticModel::device() const {
  const at::Tensor& some = state_->weights.head.norm.weight;
  return some.defined() && some.is_cuda() ? some.device().str() : "cpu";
}

size_t ElasticModel::weight_bytes() const {
  const size_t packed = state_->packed != nullptr ? state_->packed->weight_bytes() : 0;
  return state_->weights.Bytes() + packed;
}

size_t ElasticModel::correction_bytes() const {
  return state_->packed != nullptr ? state_->packed->correction_bytes()
                                   : state_->corrections.Bytes();
}

bool ElasticModel::uses_kernels() const { return state_->packed != nullptr; }

std::string_view ElasticModel::kernels() const {
  if (uses_kernels()) return state_->packed->instruction_set();
  return state_->gpu != nullptr ? "CUDA graphs" : "LibTorch";
}

size_t ElasticModel::graphs() const { return state_->gpu != nullptr ? state_->gpu->graphs() : 0; }

absl::Status ElasticModel::graph_failure() const {
  return state_->gpu != nullptr ? state_->gpu->capture_failure() : absl::OkStatus();
}

at::Tensor RungTokens(const ElasticModel& model, std::span<const int> rungs,
                      const at::Tensor& pixels, int64_t first_tokens) {
  const ElasticModel::State& state = model.state();
  if (state.packed == nullptr) return TokensByAten(state, rungs, pixels, first_tokens);
  std::vector<const KeepCounts*> views;
  for (const int rung : rungs) views.push_back(&model.ladder().rung(rung).keep);
  return state.packed->Tokens(views, pixels, first_tokens);
}

at::Tensor RungTokens(const ElasticModel& model, int rung, const at::Tensor& pixels,
                      int64_t first_tokens) {
  const std::vector<int> rungs(pixels.size(0), rung);
  return RungTokens(model, rungs, pixels, first_tokens);
}

at::Tensor RungTokens(const ElasticModel& model, int rung, const at::Tensor& pixels) {
  return RungTokens(model, rung, pixels, model.config().tokens());
}

at::Tensor ForwardSession::HostPixels(int64_t images) {
  if (gpu_.has_value()) return gpu_->HostPixels(images);
  const VitConfig& config = model_.config();
  return at::empty({images, 3, config.image_height, config.image_width}, at::kFloat);
}

at::Tensor ForwardSession::Tokens(std::span<const int> rungs, const at::Tensor& pixels,
                                  int64_t first_tokens) {
  return gpu_.has_value() ? gpu_->Tokens(rungs, pixels, first_tokens)
                          : RungTokens(model_, rungs, pixels, first_tokens);
}

int64_t TokensOfEmbedding(const VitConfig& config) {
  const bool all =
      config.pooling == ModelPooling::kMean || config.pooling == ModelPooling::kAttention ||
      (config.num_classes > 0 && (config.classifier_input == ClassifierInput::kMean ||
                                  config.classifier_input == ClassifierInput::kClassAndMean));
  if (all) return config.tokens();
  return config.distillation_token ? 2 : 1;
}

}  // namespace snapvit
