#include "core/engine/engine.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <sched.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/cpu_quota.h"
#include "core/elastic/elastic_state.h"
#include "core/elastic/view_forward.h"
#include "core/model/torch_guard.h"

namespace snapvit {
namespace {

// Indices of the batch that share a model and how many of the first tokens they need; those of one
// rung side by side.
using Group = std::vector<size_t>;

void StackPixels(std::span<EngineItem* const> items, const Group& group, const at::Tensor& pixels) {
  const int64_t image = pixels.numel() / pixels.size(0);
  float* out = pixels.data_ptr<float>();
  for (const size_t i : group) {
    std::copy_n(items[i]->pixels.data(), image, out);
    out += image;
  }
}

void CopyRow(const at::Tensor& rows, size_t row, std::vector<float>& values) {
  const at::Tensor source = rows.select(0, static_cast<int64_t>(row)).contiguous();
  values.resize(source.numel());
  std::memcpy(values.data(), source.data_ptr<float>(), values.size() * sizeof(float));
}

at::Tensor EmbeddingRows(EmbeddingKind kind, const PermutedWeights& weights,
                         const at::Tensor& tokens, const at::Tensor& pooled) {
  switch (kind) {
    case EmbeddingKind::kNone:
      break;
    case EmbeddingKind::kDefault:
      return pooled;
    case EmbeddingKind::kClass:
      return tokens.select(1, 0);
    case EmbeddingKind::kMean:
      return MeanOfPatches(weights.config, tokens);
    case EmbeddingKind::kPatches:
      return PatchTokens(weights.config, tokens);
    case EmbeddingKind::kProjected:
      return Projection(weights, pooled);
  }
  return {};
}

// How many of the first tokens the item's results are computed from.
int64_t TokensNeeded(const VitConfig& config, const EngineItem& item) {
  switch (item.embedding) {
    case EmbeddingKind::kMean:
    case EmbeddingKind::kPatches:
      return config.tokens();
    case EmbeddingKind::kClass:
      return item.logits ? TokensOfEmbedding(config) : 1;
    default:
      return TokensOfEmbedding(config);
  }
}

void RunGroup(std::span<EngineItem* const> items, const Group& group, int64_t first_tokens) {
  const ElasticModel& model = *items[group.front()]->model;
  const PermutedWeights& weights = model.state().weights;
  const VitConfig& config = model.config();
  std::vector<int> rungs;
  for (const size_t i : group) rungs.push_back(items[i]->rung);
  ForwardSession session(model);
  const at::Tensor pixels = session.HostPixels(static_cast<int64_t>(group.size()));
  StackPixels(items, group, pixels);
  const at::Tensor tokens = session.Tokens(rungs, pixels, first_tokens);
  at::Tensor pooled;  // of the tokens that there are; not if only the class token was asked for
  if (first_tokens >= TokensOfEmbedding(config)) pooled = PoolDefault(weights, tokens);
  at::Tensor logits;  // on the CPU, as embeddings
  for (const size_t i : group) {
    if (items[i]->logits && !logits.defined()) {
      logits = Logits(weights, tokens, pooled).to(at::kCPU);
    }
  }
  std::map<EmbeddingKind, at::Tensor> embeddings;
  for (size_t row = 0; row < group.size(); ++row) {
    EngineItem& item = *items[group[row]];
    if (item.logits) CopyRow(logits, row, item.logit_values);
    if (item.embedding == EmbeddingKind::kNone) continue;
    at::Tensor& rows = embeddings[item.embedding];
    if (!rows.defined()) {
      rows = EmbeddingRows(item.embedding, weights, tokens, pooled).to(at::kCPU);
    }
    CopyRow(rows, row, item.embedding_values);
    item.embedding_shape.assign(rows.sizes().begin() + 1, rows.sizes().end());
  }
}

std::vector<int> AllowedCpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cpus;
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return {0};
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

}  // namespace

const char* EmbeddingKindName(EmbeddingKind kind) {
  switch (kind) {
    case EmbeddingKind::kClass:
      return "cls";
    case EmbeddingKind::kMean:
      return "mean";
    case EmbeddingKind::kPatches:
      return "patches";
    case EmbeddingKind::kProjected:
      return "projected";
    default:
      return "default";
  }
}

int AvailableCores() {
  static const std::optional<double> quota = CpuQuota();
  const auto cpus = static_cast<int>(AllowedCpus().size());
  return quota.has_value() ? std::clamp(static_cast<int>(*quota), 1, cpus) : cpus;
}

absl::Status CheckEmbeddingKind(const VitConfig& config, EmbeddingKind kind) {
  if (kind == EmbeddingKind::kClass && !config.class_token) {
    return absl::FailedPreconditionError(
        absl::StrCat("model ", config.architecture,
                     " has no class token; it can give the pooling default, mean or patches"));
  }
  if (kind == EmbeddingKind::kProjected && config.projection_dim == 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        "model ", config.architecture,
        " has no projection into a joint text-image space; it can give the pooling default"));
  }
  const bool token_norm = kind == EmbeddingKind::kClass || kind == EmbeddingKind::kMean ||
                          kind == EmbeddingKind::kPatches;
  if (token_norm && config.norm_after_pooling) {
    return absl::FailedPreconditionError(
        absl::StrCat("model ", config.architecture,
                     " has no norm on its tokens (it norms after pooling); it can give the pooling "
                     "default only"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Engine>> Engine::Create(const Options& options) {
  if (options.workers < 1 || options.threads_per_worker < 0) {
    return absl::InvalidArgumentError(absl::StrCat("engine has ", options.workers, " workers of ",
                                                   options.threads_per_worker,
                                                   " threads; expected at least 1, and 0 or more"));
  }
  Options resolved = options;
  if (resolved.threads_per_worker == 0) {
    resolved.threads_per_worker = std::max(1, AvailableCores() / resolved.workers);
  }
  return std::unique_ptr<Engine>(new Engine(resolved));
}

void Engine::StartWorker(int worker) const {
  const std::vector<int> cpus = AllowedCpus();
  const int threads = options_.threads_per_worker;
  // One worker uses the whole machine: nothing to separate. More of them get a slice of the cores
  // each, if there are enough, and no quota says that others use them, too.
  const auto all = static_cast<int>(cpus.size());
  const bool enough = options_.workers * threads <= all && AvailableCores() == all;
  if (options_.pin && options_.workers > 1 && enough) {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (int i = 0; i < threads; ++i) CPU_SET(cpus[worker * threads + i], &set);
    sched_setaffinity(0, sizeof(set), &set);
  }
  at::set_num_threads(threads);
}

void Engine::UseAllCores() { at::set_num_threads(AvailableCores()); }

void Engine::Run(std::span<EngineItem* const> items, std::span<absl::Status> statuses) const {
  std::map<std::pair<const ElasticModel*, int64_t>, Group> groups;
  for (size_t i = 0; i < items.size(); ++i) {
    const ElasticModel& model = *items[i]->model;
    groups[{&model, TokensNeeded(model.config(), *items[i])}].push_back(i);
  }
  for (auto& [key, members] : groups) {
    std::stable_sort(members.begin(), members.end(),
                     [&](size_t a, size_t b) { return items[a]->rung < items[b]->rung; });
    const Group& group = members;
    const int64_t first_tokens = key.second;
    const absl::Status status = Guard([&]() -> absl::Status {
      const c10::InferenceMode inference;
      RunGroup(items, group, first_tokens);
      return absl::OkStatus();
    });
    for (const size_t i : group) statuses[i] = status;
  }
}

}  // namespace snapvit
