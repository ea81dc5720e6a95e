// FileWatch: whether any of a few files has changed since it was last asked.
#ifndef SNAPVIT_SERVER_FILE_WATCH_H_
#define SNAPVIT_SERVER_FILE_WATCH_H_

#include <cstdint>
#include <string>
#include <vector>

namespace snapvit {

// Compares device, inode, size and time of modification, following symbolic links: it sees files
// that are written anew, replaced by a rename, and swapped by a link (Kubernetes' mounts).
// Thread-compatible.
class FileWatch {
 public:
  // Remembers the files as they are now: make one, then read them, so that no change is missed.
  explicit FileWatch(std::vector<std::string> paths);

  // Whether anything is different from the last call (or the start); a file that appears or
  // disappears has changed.
  bool Changed();

 private:
  struct Stamp {
    bool exists = false;
    uint64_t device = 0;
    uint64_t inode = 0;
    int64_t size = 0;
    int64_t modified_ns = 0;
    bool operator==(const Stamp&) const = default;
  };

  std::vector<Stamp> Look() const;

  const std::vector<std::string> paths_;
  std::vector<Stamp> stamps_;
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_FILE_WATCH_H_
