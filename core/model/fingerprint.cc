#include "core/model/fingerprint.h"

#include <array>
#include <cstdint>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "core/base/sha256.h"
#include "core/base/status_macros.h"
#include "core/model/file_hash.h"
#include "core/model/model_files.h"

namespace snapvit {
namespace {

// The bits, so that no decimal rounding lies between two configurations.
template <typename T>
void AddBits(Sha256& hash, T value) {
  hash.AddField(std::string_view(reinterpret_cast<const char*>(&value), sizeof(value)));
}

void AddPreprocessing(Sha256& hash, const Preprocessing& preprocessing) {
  const ImageSize input = {preprocessing.height, preprocessing.width};
  for (const ImageSize& size : {input, preprocessing.resize_to.value_or(input)}) {
    AddBits(hash, static_cast<int32_t>(size.height));
    AddBits(hash, static_cast<int32_t>(size.width));
  }
  AddBits(hash, static_cast<int32_t>(preprocessing.resize));
  AddBits(hash, static_cast<int32_t>(preprocessing.interpolation));
  AddBits(hash, static_cast<int32_t>(preprocessing.float_resize));
  AddBits(hash, static_cast<int32_t>(preprocessing.centering));
  for (const uint8_t value : preprocessing.fill) AddBits(hash, value);
  AddBits(hash, preprocessing.rescale);
  for (const float value : preprocessing.mean) AddBits(hash, value);
  for (const float value : preprocessing.std) AddBits(hash, value);
}

// That of the file, or of all shards by name. The index of the shards says nothing more: each
// tensor is where it says, or the model does not load.
absl::StatusOr<std::string> HashWeights(const ModelFiles& files, const std::string& cache_dir) {
  if (files.weights.size() == 1) return CachedFileHash(files.weights[0], cache_dir);
  Sha256 hash;
  hash.AddField("snapvit shards 1");
  for (const std::string& shard : files.weights) {
    ASSIGN_OR_RETURN(const std::string shard_hash, CachedFileHash(shard, cache_dir));
    hash.AddField(shard_hash);
  }
  return hash.HexDigest();
}

}  // namespace

absl::StatusOr<ModelHashes> HashModelFolder(const std::string& folder,
                                            const std::string& cache_dir) {
  ASSIGN_OR_RETURN(const ModelFiles files, FindModelFiles(folder));
  ASSIGN_OR_RETURN(const std::string config, CachedFileHash(files.config, cache_dir));
  ModelHashes hashes;
  ASSIGN_OR_RETURN(hashes.weights, HashWeights(files, cache_dir));
  Sha256 hash;
  hash.AddField("snapvit model 1");
  hash.AddField(config);
  hash.AddField(hashes.weights);
  // It decides for which input size position embeddings are resampled.
  if (!files.preprocessor.empty()) {
    ASSIGN_OR_RETURN(const std::string preprocessor, CachedFileHash(files.preprocessor, cache_dir));
    hash.AddField(preprocessor);
  }
  hashes.fingerprint = hash.HexDigest();
  return hashes;
}

absl::StatusOr<std::string> ModelFingerprint(const std::string& folder,
                                             const std::string& cache_dir) {
  ASSIGN_OR_RETURN(ModelHashes hashes, HashModelFolder(folder, cache_dir));
  return std::move(hashes.fingerprint);
}

std::string EmbeddingSpaceId(std::string_view weights_hash, const Preprocessing& preprocessing,
                             std::string_view pooling, int dimensions) {
  Sha256 hash;
  hash.AddField("snapvit embedding space 2");
  hash.AddField(weights_hash);
  AddPreprocessing(hash, preprocessing);
  hash.AddField(pooling);
  AddBits(hash, static_cast<int32_t>(dimensions));
  return hash.HexDigest();
}

}  // namespace snapvit
