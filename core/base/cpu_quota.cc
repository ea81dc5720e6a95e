#include "core/base/cpu_quota.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "core/base/file.h"

namespace snapvit {
namespace {

constexpr size_t kMaxBytes = 1 << 16;

std::string ReadOr(const std::string& path, const char* otherwise) {
  const auto text = ReadFile(path, kMaxBytes);
  return text.ok() ? *text : otherwise;
}

// Microseconds of a period of so many; "max" and −1 are no limit.
std::optional<double> Ratio(absl::string_view quota, absl::string_view period) {
  double used = 0, of = 0;
  if (!absl::SimpleAtod(quota, &used) || !absl::SimpleAtod(period, &of)) return std::nullopt;
  if (used <= 0 || of <= 0) return std::nullopt;
  return used / of;
}

std::optional<double> LimitOf(const std::string& folder, bool version2) {
  if (!version2) {
    return Ratio(ReadOr(folder + "/cpu.cfs_quota_us", "-1"),
                 ReadOr(folder + "/cpu.cfs_period_us", ""));
  }
  const std::string text = ReadOr(folder + "/cpu.max", "");
  const std::vector<absl::string_view> words =
      absl::StrSplit(text, absl::ByAnyChar(" \n"), absl::SkipEmpty());
  return words.size() == 2 ? Ratio(words[0], words[1]) : std::nullopt;
}

void Lower(std::optional<double>& limit, std::optional<double> other) {
  if (other.has_value()) limit = std::min(limit.value_or(*other), *other);
}

}  // namespace

std::optional<double> CpuQuota(const std::string& groups_of_process, const std::string& groups) {
  std::optional<double> limit;
  const std::string text = ReadOr(groups_of_process, "");
  // NUMBER:CONTROLLERS:PATH, without controllers for version 2.
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    const std::vector<absl::string_view> parts = absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (parts.size() != 3) continue;
    const std::vector<absl::string_view> controllers = absl::StrSplit(parts[1], ',');
    const bool version2 = parts[1].empty();
    if (!version2 &&
        std::find(controllers.begin(), controllers.end(), "cpu") == controllers.end()) {
      continue;
    }
    const std::string root = version2 ? groups : absl::StrCat(groups, "/", parts[1]);
    // A container may have the path of the host, and its own group as the root.
    std::string path(parts[2]);
    while (path.size() > 1) {
      Lower(limit, LimitOf(root + path, version2));
      const size_t slash = path.rfind('/');
      path.resize(slash == std::string::npos ? 0 : slash);
    }
    Lower(limit, LimitOf(root, version2));
  }
  return limit;
}

}  // namespace snapvit
