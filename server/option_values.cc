#include "server/option_values.h"

#include <iterator>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "core/base/status_macros.h"

namespace snapvit {
namespace {

bool ParseDecimal(absl::string_view text, uint64_t* value) {
  // SimpleAtoi alone would take blanks and signs.
  return !text.empty() && text.find_first_not_of("0123456789") == absl::string_view::npos &&
         absl::SimpleAtoi(text, value);
}

struct ByteUnit {
  const char* suffix;
  size_t bytes;
};
constexpr ByteUnit kByteUnits[] = {
    {"GiB", size_t{1} << 30}, {"MiB", size_t{1} << 20}, {"KiB", size_t{1} << 10}};

}  // namespace

absl::Status BadValue(std::string_view text, std::string_view expected) {
  return absl::InvalidArgumentError(
      absl::StrCat("is '", std::string(text), "', expected ", std::string(expected)));
}

absl::StatusOr<int64_t> ParseWhole(std::string_view text, int64_t low, int64_t high) {
  uint64_t value = 0;
  if (!ParseDecimal(absl::string_view(text.data(), text.size()), &value) ||
      value > static_cast<uint64_t>(high) || static_cast<int64_t>(value) < low) {
    return BadValue(text, absl::StrCat("a whole number from ", low, " to ", high));
  }
  return static_cast<int64_t>(value);
}

absl::StatusOr<size_t> ParseBytes(std::string_view text, size_t low, size_t high) {
  absl::string_view digits(text.data(), text.size());
  size_t unit = 1;
  for (const ByteUnit& candidate : kByteUnits) {
    if (absl::ConsumeSuffix(&digits, candidate.suffix)) {
      unit = candidate.bytes;
      break;
    }
  }
  uint64_t value = 0;
  const bool parsed =
      ParseDecimal(digits, &value) && value <= std::numeric_limits<size_t>::max() / unit;
  if (!parsed || value * unit < low || value * unit > high) {
    return BadValue(text, absl::StrCat("bytes from ", FormatBytes(low), " to ", FormatBytes(high),
                                       " (a whole number, or one with KiB, MiB or GiB)"));
  }
  return value * unit;
}

std::string FormatBytes(size_t bytes) {
  for (const ByteUnit& unit : kByteUnits) {
    if (bytes != 0 && bytes % unit.bytes == 0) return absl::StrCat(bytes / unit.bytes, unit.suffix);
  }
  return absl::StrCat(bytes);
}

absl::StatusOr<absl::Duration> ParseSeconds(std::string_view text) {
  const absl::string_view view(text.data(), text.size());
  absl::Duration duration;
  double seconds = 0;
  const bool number = absl::SimpleAtod(view, &seconds);
  if (number) duration = absl::Seconds(seconds);
  if ((!number && !absl::ParseDuration(view, &duration)) || seconds != seconds ||
      duration < absl::ZeroDuration() || duration == absl::InfiniteDuration()) {
    return BadValue(text, "seconds, or a duration such as 500ms, 30s or 5m");
  }
  return duration;
}

absl::StatusOr<bool> ParseBool(std::string_view text) {
  const std::string lower = absl::AsciiStrToLower(absl::string_view(text.data(), text.size()));
  for (const char* yes : {"true", "yes", "on", "1"}) {
    if (lower == yes) return true;
  }
  for (const char* no : {"false", "no", "off", "0"}) {
    if (lower == no) return false;
  }
  return BadValue(text, "true or false");
}

absl::Status ParseText(std::string_view text, std::string& value) {
  if (text.empty()) return BadValue(text, "a text that is not empty");
  value = std::string(text);
  return absl::OkStatus();
}

}  // namespace snapvit
