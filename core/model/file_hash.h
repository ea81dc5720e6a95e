// CachedFileHash: the SHA-256 of a large file, remembered between starts.
#ifndef SNAPVIT_CORE_MODEL_FILE_HASH_H_
#define SNAPVIT_CORE_MODEL_FILE_HASH_H_

#include <string>

#include "absl/status/statusor.h"

namespace snapvit {

// 64 hexadecimal digits. `cache_dir` holds one small JSON file per hashed path (empty: no cache);
// what is in it counts only if path, size, modification time, inode and device are those of the
// file now. A file that was modified less than two seconds ago is hashed but not remembered: a
// later write could leave the same time stamp. NOT_FOUND if there is no such file; ABORTED if it
// changes while it is read.
absl::StatusOr<std::string> CachedFileHash(const std::string& path, const std::string& cache_dir);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_MODEL_FILE_HASH_H_
