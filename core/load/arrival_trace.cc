#include "core/load/arrival_trace.h"

#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/base/file.h"
#include "core/base/status_macros.h"

namespace snapvit {
namespace {

constexpr size_t kMaxFileBytes = size_t{1} << 30;

absl::StatusOr<absl::Duration> ParseLine(absl::string_view text, absl::Duration previous) {
  double seconds = 0;
  if (!absl::SimpleAtod(text, &seconds) || !std::isfinite(seconds) || seconds < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", text, "' is no arrival, expected seconds from the start such as 12.5"));
  }
  const absl::Duration arrival = absl::Seconds(seconds);
  if (arrival < previous) {
    return absl::InvalidArgumentError(absl::StrCat("arrival at ", text, " s is before the one at ",
                                                   absl::ToDoubleSeconds(previous),
                                                   " s, expected rising times"));
  }
  return arrival;
}

}  // namespace

absl::StatusOr<std::vector<absl::Duration>> ParseArrivalTrace(const std::string& text,
                                                              const std::string& name) {
  std::vector<absl::Duration> trace;
  int line = 0;
  for (absl::string_view content : absl::StrSplit(text, '\n')) {
    ++line;
    content = absl::StripAsciiWhitespace(content.substr(0, content.find('#')));
    if (content.empty()) continue;
    const absl::StatusOr<absl::Duration> arrival =
        ParseLine(content, trace.empty() ? absl::ZeroDuration() : trace.back());
    if (!arrival.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, ":", line, ": ", arrival.status().message()));
    }
    trace.push_back(*arrival);
  }
  if (trace.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(name, " has no arrivals, expected one a line"));
  }
  return trace;
}

absl::StatusOr<std::vector<absl::Duration>> ReadArrivalTrace(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxFileBytes));
  return ParseArrivalTrace(text, path);
}

}  // namespace snapvit
