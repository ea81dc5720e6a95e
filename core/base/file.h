// Small whole-file operations.
#ifndef SNAPVIT_CORE_BASE_FILE_H_
#define SNAPVIT_CORE_BASE_FILE_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace snapvit {

// The bytes of a file. NOT_FOUND if it is absent; RESOURCE_EXHAUSTED if it is larger than
// `max_bytes`; messages name the path.
absl::StatusOr<std::string> ReadFile(const std::string& path, size_t max_bytes);

// Replaces `path` by `content` in one step: readers see the old file or the whole new one, also
// after a crash (another file in the same folder, fsync, rename). A process that is killed
// meanwhile leaves that file as NAME.XXXXXX only where the file system knows no files without a
// name (O_TMPFILE).
absl::Status WriteFileAtomically(const std::string& path, std::string_view content);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_BASE_FILE_H_
