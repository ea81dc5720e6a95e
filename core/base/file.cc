#include "core/base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <random>
#include <string>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace snapvit {
namespace {

absl::Status ErrnoStatus(const char* doing, const std::string& path) {
  return absl::ErrnoToStatus(errno, absl::StrCat(doing, " ", path));
}

absl::Status WriteAll(int fd, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t written = write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return ErrnoStatus("cannot write", path);
    content.remove_prefix(static_cast<size_t>(written));
  }
  if (fsync(fd) != 0) return ErrnoStatus("cannot sync", path);
  return absl::OkStatus();
}

// Makes the rename itself durable. Best effort: some file systems refuse to sync a folder.
void SyncFolder(const std::string& folder) {
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  fsync(fd);
  close(fd);
}

absl::Status Rename(const std::string& from, const std::string& to) {
  return rename(from.c_str(), to.c_str()) == 0 ? absl::OkStatus()
                                               : ErrnoStatus("cannot rename to", to);
}

// `name`: for messages. Readable by all.
absl::Status Fill(int fd, std::string_view content, const std::string& name) {
  absl::Status status = WriteAll(fd, content, name);
  if (status.ok() && fchmod(fd, 0644) != 0) status = ErrnoStatus("cannot set the mode of", name);
  return status;
}

absl::Status WriteAndClose(int fd, std::string_view content, const std::string& name) {
  absl::Status status = Fill(fd, content, name);
  if (close(fd) != 0 && status.ok()) status = ErrnoStatus("cannot close", name);
  return status;
}

// A file gets a name when it is whole, so that a process that is killed leaves nothing behind.
// UNIMPLEMENTED where the file system has no files without a name, or /proc is not there.
absl::Status WriteUnnamed(const std::string& folder, const std::string& path,
                          std::string_view content) {
  const int fd = open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
  if (fd < 0) return absl::UnimplementedError("O_TMPFILE");
  absl::Cleanup closer = [fd] { close(fd); };
  RETURN_IF_ERROR(Fill(fd, content, path));
  // A link cannot replace what is there: a name of its own first.
  std::random_device random;
  const std::string temporary = absl::StrCat(path, ".", absl::Hex(random(), absl::kZeroPad8));
  const std::string source = absl::StrCat("/proc/self/fd/", fd);
  if (linkat(AT_FDCWD, source.c_str(), AT_FDCWD, temporary.c_str(), AT_SYMLINK_FOLLOW) != 0) {
    return absl::UnimplementedError("linkat");
  }
  const absl::Status status = Rename(temporary, path);
  if (!status.ok()) unlink(temporary.c_str());
  return status;
}

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::string& path, size_t max_bytes) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return ErrnoStatus("cannot open", path);
  absl::Cleanup closer = [fd] { close(fd); };
  std::string content;
  char buffer[1 << 16];
  while (true) {
    const ssize_t got = read(fd, buffer, sizeof(buffer));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus("cannot read", path);
    if (got == 0) return content;
    content.append(buffer, static_cast<size_t>(got));
    if (content.size() > max_bytes) {
      return absl::ResourceExhaustedError(
          absl::StrCat(path, " is larger than the limit of ", max_bytes, " bytes"));
    }
  }
}

absl::Status WriteFileAtomically(const std::string& path, std::string_view content) {
  std::string folder = std::filesystem::path(path).parent_path().string();
  if (folder.empty()) folder = ".";
  const absl::Status unnamed = WriteUnnamed(folder, path, content);
  if (!absl::IsUnimplemented(unnamed)) {
    if (unnamed.ok()) SyncFolder(folder);
    return unnamed;
  }
  std::string temporary = absl::StrCat(path, ".XXXXXX");
  const int fd = mkostemp(temporary.data(), O_CLOEXEC);
  if (fd < 0) return ErrnoStatus("cannot create a file beside", path);
  absl::Status status = WriteAndClose(fd, content, temporary);
  if (status.ok()) status = Rename(temporary, path);
  if (!status.ok()) {
    unlink(temporary.c_str());
    return status;
  }
  SyncFolder(folder);
  return absl::OkStatus();
}

}  // namespace snapvit
