#include "core/engine/profile_cache.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/file.h"
#include "core/base/sha256.h"

namespace snapvit {
namespace {

// Changes when what is kept, or what is measured, changes.
constexpr char kVersion[] = "snapvit profile 1";
constexpr size_t kMostBytes = 1 << 20;
constexpr double kAboutAsLong = 1.5;

// "Intel(R) Xeon(R) Processor"; empty if the kernel does not say.
std::string ProcessorName() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (absl::StartsWith(line, "model name") || absl::StartsWith(line, "Processor")) return line;
  }
  return "";
}

}  // namespace

ProfileCache::ProfileCache(const std::string& folder, const std::string& fingerprint,
                           const ElasticModel& model, const Engine& engine,
                           const ProfileOptions& options)
    : rungs_(options.rungs), batches_(options.batches) {
  if (rungs_.empty()) {
    for (int rung = 0; rung < model.ladder().size(); ++rung) rungs_.push_back(rung);
  }
  if (folder.empty()) return;
  Sha256 hash;
  hash.AddField(kVersion);
  hash.AddField(fingerprint);
  hash.AddField(model.ordering_id());
  hash.AddField(absl::StrCat(model.ladder().size(), " ", model.correction_bytes()));
  hash.AddField(absl::StrCat(static_cast<int>(model.dtype()), " ", std::string(model.kernels())));
  hash.AddField(model.device());
  hash.AddField(ProcessorName());
  hash.AddField(absl::StrCat(AvailableCores(), " ", engine.workers(), " ",
                             engine.threads_per_worker(), " ", options.repetitions));
  hash.AddField(absl::StrCat(absl::StrJoin(rungs_, ","), " ", absl::StrJoin(batches_, ",")));
  path_ = absl::StrCat(folder, "/profile-", hash.HexDigest().substr(0, 16), ".txt");
}

std::optional<std::vector<ProfileCell>> ProfileCache::Read() const {
  if (path_.empty()) return std::nullopt;
  const absl::StatusOr<std::string> text = ReadFile(path_, kMostBytes);
  if (!text.ok()) return std::nullopt;
  std::istringstream lines(*text);
  std::string version;
  if (!std::getline(lines, version) || version != kVersion) return std::nullopt;
  std::vector<ProfileCell> cells;
  for (const int rung : rungs_) {
    for (const int batch : batches_) {
      ProfileCell cell;
      int64_t min = 0, p50 = 0, p95 = 0;  // nanoseconds
      if (!(lines >> cell.rung >> cell.batch >> min >> p50 >> p95)) return std::nullopt;
      const bool sound =
          cell.rung == rung && cell.batch == batch && 0 < min && min <= p50 && p50 <= p95;
      if (!sound) return std::nullopt;
      cell.min = absl::Nanoseconds(min);
      cell.p50 = absl::Nanoseconds(p50);
      cell.p95 = absl::Nanoseconds(p95);
      cells.push_back(cell);
    }
  }
  std::string more;
  if (lines >> more) return std::nullopt;
  return cells;
}

absl::Status ProfileCache::Write(std::span<const ProfileCell> cells) const {
  if (path_.empty()) return absl::OkStatus();
  std::string text = absl::StrCat(kVersion, "\n");
  for (const ProfileCell& cell : cells) {
    absl::StrAppend(&text, cell.rung, " ", cell.batch, " ", absl::ToInt64Nanoseconds(cell.min), " ",
                    absl::ToInt64Nanoseconds(cell.p50), " ", absl::ToInt64Nanoseconds(cell.p95),
                    "\n");
  }
  std::error_code ignored;  // the write says
  std::filesystem::create_directories(std::filesystem::path(path_).parent_path(), ignored);
  return WriteFileAtomically(path_, text);
}

bool Resemble(std::span<const ProfileCell> now, std::span<const ProfileCell> kept) {
  for (const ProfileCell& cell : now) {
    for (const ProfileCell& other : kept) {
      if (cell.rung != other.rung || cell.batch != other.batch) continue;
      const double ratio = absl::FDivDuration(cell.min, other.min);
      if (ratio > kAboutAsLong || ratio < 1 / kAboutAsLong) return false;
    }
  }
  return true;
}

}  // namespace snapvit
