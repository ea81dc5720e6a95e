#include "server/ready_file.h"

#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "core/base/file.h"

namespace snapvit {

absl::Status ReadyFile::Clear() const { return path_.empty() ? absl::OkStatus() : Remove(); }

absl::Status ReadyFile::Write(std::string content) {
  if (path_.empty()) return absl::OkStatus();
  written_ = std::move(content);
  return WriteFileAtomically(path_, written_);
}

absl::Status ReadyFile::Withdraw() {
  if (written_.empty()) return absl::OkStatus();
  const std::string written = std::exchange(written_, "");
  const absl::StatusOr<std::string> there = ReadFile(path_, written.size());
  return there.ok() && *there == written ? Remove() : absl::OkStatus();
}

absl::Status ReadyFile::Remove() const {
  std::error_code error;
  // Nothing else than what Write() makes: not a device that the flag names by mistake.
  if (!std::filesystem::is_regular_file(std::filesystem::symlink_status(path_, error))) {
    return absl::OkStatus();
  }
  if (std::filesystem::remove(path_, error) || !error) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("cannot remove ", path_, " (--ready-file): ", error.message()));
}

}  // namespace snapvit
