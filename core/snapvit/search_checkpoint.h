// SearchCheckpoint: what a stopped search for multipliers resumes from. The search is seeded, so
// the raw scores and the fitness values so far are enough to replay it. docs/formats.md, "Partial
// orderings".
#ifndef SNAPVIT_CORE_SNAPVIT_SEARCH_CHECKPOINT_H_
#define SNAPVIT_CORE_SNAPVIT_SEARCH_CHECKPOINT_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace snapvit {

struct SearchCheckpoint {
  std::string key;  // identifies model, options and images; another key, another search
  size_t gradient_images = 0;
  std::vector<float> mlp_scores;   // raw, [blocks · hidden]
  std::vector<float> head_scores;  // raw, [blocks · heads]
  std::vector<double> fitness;     // of each evaluation, as it was recorded
  std::vector<double> seconds;     // of search after each of them, over all runs
};

// Atomically: a reader, also after a crash, sees the old file or the whole new one.
absl::Status WriteSearchCheckpoint(const SearchCheckpoint& checkpoint, const std::string& path);

// NOT_FOUND if there is no such file; INVALID_ARGUMENT if it is damaged (a checksum covers all of
// it) or of another version. Messages name the file.
absl::StatusOr<SearchCheckpoint> ReadSearchCheckpoint(const std::string& path);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SNAPVIT_SEARCH_CHECKPOINT_H_
