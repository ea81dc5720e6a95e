// Hashes that say which model something was computed from: an ordering file, a profile, an index of
// embeddings.
#ifndef SNAPVIT_CORE_MODEL_FINGERPRINT_H_
#define SNAPVIT_CORE_MODEL_FINGERPRINT_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/image/preprocessing.h"

namespace snapvit {

// 64 lower-case hexadecimal digits each.
struct ModelHashes {
  // Of config.json, preprocessor_config.json if there is one, and the weights: the model as a
  // whole.
  std::string fingerprint;
  std::string weights;  // of model.safetensors, or all shards, alone
};

// Hashes the files of a model folder. Hashes of files are remembered in `cache_dir` (created if
// need be; empty: not remembered) by path, size, modification time, inode and device, so that only
// the first start reads the weights for it. A cache that cannot be read or written costs time,
// never an error. Safe to call at the same time from several processes. NOT_FOUND as
// FindModelFiles; ABORTED if a file changes meanwhile.
absl::StatusOr<ModelHashes> HashModelFolder(const std::string& folder,
                                            const std::string& cache_dir);

// Its fingerprint alone.
absl::StatusOr<std::string> ModelFingerprint(const std::string& folder,
                                             const std::string& cache_dir);

// Identifies the space that embeddings live in: the same for all rungs, orderings and dtypes of a
// model, another one whenever vectors stop being comparable. `weights_hash` is
// ModelHashes::weights, `pooling` the pooling's name in the protocol, `dimensions` the length of
// the vectors.
std::string EmbeddingSpaceId(std::string_view weights_hash, const Preprocessing& preprocessing,
                             std::string_view pooling, int dimensions);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_MODEL_FINGERPRINT_H_
