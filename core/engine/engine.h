// Engine: executes batches of images, each image at its own rung of its own model, on the device of
// the model. Plain C++ in this header.
#ifndef SNAPVIT_CORE_ENGINE_ENGINE_H_
#define SNAPVIT_CORE_ENGINE_ENGINE_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/elastic/elastic_model.h"

namespace snapvit {

// Which vector or vectors an embedding request wants.
enum class EmbeddingKind {
  kNone,       // logits only
  kDefault,    // the model's own pooling
  kClass,      // the class token after the final norm
  kMean,       // mean of the patch tokens after the final norm
  kPatches,    // all patch tokens after the final norm
  kProjected,  // the default embedding in the joint text-image space (CLIP)
};

// "default", "cls", "mean", "patches" or "projected": the protocol's poolings, as embedding space
// ids and flags spell them. "default" for kNone too: logits are made from it.
const char* EmbeddingKindName(EmbeddingKind kind);

// Components of one vector of this kind.
inline int EmbeddingSize(const VitConfig& config, EmbeddingKind kind) {
  return kind == EmbeddingKind::kProjected ? config.projection_dim : config.embed_dim;
}

// What one image wants, and where its results go. Filled by Engine::Run.
struct EngineItem {
  std::shared_ptr<const ElasticModel> model;
  int rung = 0;                   // of `model`'s ladder
  std::span<const float> pixels;  // [3, H, W], normalised; read until Run returns
  EmbeddingKind embedding = EmbeddingKind::kDefault;
  bool logits = false;

  // [D], with kPatches [P, D], with kProjected [projection_dim]; not normalised
  std::vector<float> embedding_values;
  std::vector<int64_t> embedding_shape;
  std::vector<float> logit_values;  // [C]
};

// INVALID_ARGUMENT / FAILED_PRECONDITION, saying what the model can give, if it cannot give this
// kind.
absl::Status CheckEmbeddingKind(const VitConfig& config, EmbeddingKind kind);

// Thread-safe: workers run batches side by side. Only threads that called StartWorker may call Run.
class Engine {
 public:
  struct Options {
    int workers = 1;  // threads that call Run
    int threads_per_worker =
        0;  // of a matrix product; 0: cores of the machine / workers, at least 1
    // Whether several workers get cores of their own. Not on a GPU, where a worker's thread only
    // waits, and others have to get by.
    bool pin = true;
  };
  static absl::StatusOr<std::unique_ptr<Engine>> Create(const Options& options);

  // Call once on each worker's own thread before its first Run: sets affinity, then the number of
  // compute threads (OpenMP settings are per calling thread).
  void StartWorker(int worker) const;

  // The same for a thread that computes alone, with all cores. Needed before the first use of ATen
  // there, too: without a number of threads that was set, MKL ends and restarts OpenMP's threads
  // around every small matrix product.
  static void UseAllCores();

  // Runs the items, those of a model together whatever their rungs, and sets one status each.
  // INTERNAL if the computation failed, RESOURCE_EXHAUSTED if memory did; other items are not
  // affected. Blocks; never throws.
  void Run(std::span<EngineItem* const> items, std::span<absl::Status> statuses) const;

  int workers() const { return options_.workers; }
  int threads_per_worker() const { return options_.threads_per_worker; }

 private:
  explicit Engine(const Options& options) : options_(options) {}

  const Options options_;
};

// Cores that this process may use: by its affinity and, rounded down, by its CPU quota; at least 1.
int AvailableCores();

}  // namespace snapvit

#endif  // SNAPVIT_CORE_ENGINE_ENGINE_H_
