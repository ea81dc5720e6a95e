// ProfileCache: what ProfileEngine measured, in the cache folder of a model, so that the next start
// on the same machine need not measure it again.
#ifndef SNAPVIT_CORE_ENGINE_PROFILE_CACHE_H_
#define SNAPVIT_CORE_ENGINE_PROFILE_CACHE_H_

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "core/elastic/elastic_model.h"
#include "core/engine/engine.h"
#include "core/engine/profile.h"

namespace snapvit {

// Thread-compatible.
class ProfileCache {
 public:
  // `folder` empty: keeps nothing. `fingerprint`: of the model (ElasticLoader::fingerprint). There
  // is a file for each of what times depend on: model, ordering, views, dtype, kernels, device,
  // processor, workers, threads, and the cells that `options` ask for.
  ProfileCache(const std::string& folder, const std::string& fingerprint, const ElasticModel& model,
               const Engine& engine, const ProfileOptions& options);

  // Of the file; empty without a folder.
  const std::string& path() const { return path_; }

  // All cells, by rung, then batch. Nothing if they were not kept, or the file is damaged.
  std::optional<std::vector<ProfileCell>> Read() const;
  // The error names the file. OK without a folder.
  absl::Status Write(std::span<const ProfileCell> cells) const;

 private:
  std::string path_;
  std::vector<int> rungs_, batches_;
};

// Whether the cells that both have took about as long, half as long again at most: else the machine
// is not what it was. True if there are none.
bool Resemble(std::span<const ProfileCell> now, std::span<const ProfileCell> kept);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_ENGINE_PROFILE_CACHE_H_
