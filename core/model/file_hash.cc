#include "core/model/file_hash.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <ctime>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/file.h"
#include "core/base/sha256.h"
#include "core/base/status_macros.h"

namespace snapvit {
namespace {

using Json = nlohmann::json;

constexpr size_t kReadBytes = size_t{1} << 20;
constexpr size_t kMaxEntryBytes = 1 << 16;
constexpr int64_t kSettledNs = 2'000'000'000;

int64_t Nanoseconds(const timespec& time) {
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

// What the file is now, as the cache records it.
absl::StatusOr<Json> Identity(int fd, const std::string& path) {
  struct stat info = {};
  if (fstat(fd, &info) != 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot stat ", path));
  return Json{{"path", path},
              {"size", info.st_size},
              {"mtime_ns", Nanoseconds(info.st_mtim)},
              {"inode", info.st_ino},
              {"device", info.st_dev}};
}

bool Settled(const Json& identity) {
  timespec now = {};
  clock_gettime(CLOCK_REALTIME, &now);  // the clock that file times are taken from
  return Nanoseconds(now) - identity["mtime_ns"].get<int64_t>() > kSettledNs;
}

std::string EntryPath(const std::string& path, const std::string& cache_dir) {
  Sha256 hash;
  hash.AddField(path);
  return (std::filesystem::path(cache_dir) / "hashes" / (hash.HexDigest() + ".json")).string();
}

std::optional<std::string> Remembered(const Json& identity, const std::string& entry_path) {
  const absl::StatusOr<std::string> text = ReadFile(entry_path, kMaxEntryBytes);
  if (!text.ok()) return std::nullopt;
  Json entry = Json::parse(*text, /*cb=*/nullptr, /*allow_exceptions=*/false);
  if (!entry.is_object() || !entry.contains("sha256") || !entry["sha256"].is_string()) {
    return std::nullopt;
  }
  const std::string digest = entry["sha256"].get<std::string>();
  entry.erase("sha256");
  if (entry != identity || digest.size() != 64) return std::nullopt;
  return digest;
}

// Best effort: without it the next start hashes again.
void Remember(Json identity, const std::string& digest, const std::string& entry_path) {
  std::error_code ignored;
  std::filesystem::create_directories(std::filesystem::path(entry_path).parent_path(), ignored);
  identity["sha256"] = digest;
  WriteFileAtomically(entry_path, identity.dump(/*indent=*/1, ' ', /*ensure_ascii=*/false,
                                                Json::error_handler_t::replace))
      .IgnoreError();
}

absl::StatusOr<std::string> HashContent(int fd, const std::string& path) {
  Sha256 hash;
  std::vector<char> buffer(kReadBytes);
  while (true) {
    const ssize_t got = read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot read ", path));
    if (got == 0) return hash.HexDigest();
    hash.Add(buffer.data(), static_cast<size_t>(got));
  }
}

}  // namespace

absl::StatusOr<std::string> CachedFileHash(const std::string& path, const std::string& cache_dir) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", path));
  absl::Cleanup closer = [fd] { close(fd); };
  ASSIGN_OR_RETURN(const Json identity, Identity(fd, path));
  const std::string entry_path = cache_dir.empty() ? "" : EntryPath(path, cache_dir);
  if (!entry_path.empty()) {
    if (std::optional<std::string> digest = Remembered(identity, entry_path)) return *digest;
  }
  ASSIGN_OR_RETURN(std::string digest, HashContent(fd, path));
  ASSIGN_OR_RETURN(const Json after, Identity(fd, path));
  if (after != identity) {
    return absl::AbortedError(absl::StrCat(path, " changed while it was read"));
  }
  if (!entry_path.empty() && Settled(identity)) Remember(identity, digest, entry_path);
  return digest;
}

}  // namespace snapvit
