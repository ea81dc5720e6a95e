#include "server/file_watch.h"

#include <sys/stat.h>

#include <utility>

namespace snapvit {

FileWatch::FileWatch(std::vector<std::string> paths) : paths_(std::move(paths)), stamps_(Look()) {}

bool FileWatch::Changed() {
  std::vector<Stamp> now = Look();
  const bool changed = now != stamps_;
  stamps_ = std::move(now);
  return changed;
}

std::vector<FileWatch::Stamp> FileWatch::Look() const {
  std::vector<Stamp> stamps;
  for (const std::string& path : paths_) {
    Stamp& stamp = stamps.emplace_back();
    struct stat file = {};
    if (stat(path.c_str(), &file) != 0) continue;
    stamp.exists = true;
    stamp.device = file.st_dev;
    stamp.inode = file.st_ino;
    stamp.size = file.st_size;
    stamp.modified_ns = int64_t{1'000'000'000} * file.st_mtim.tv_sec + file.st_mtim.tv_nsec;
  }
  return stamps;
}

}  // namespace snapvit
