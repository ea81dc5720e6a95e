// Texts of option values: parsing with range checks, and printing such that the result parses
// again. Errors are INVALID_ARGUMENT "'text' is not …, expected …".
#ifndef SNAPVIT_SERVER_OPTION_VALUES_H_
#define SNAPVIT_SERVER_OPTION_VALUES_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace snapvit {

absl::Status BadValue(std::string_view text, std::string_view expected);

// A decimal whole number from `low` to `high`.
absl::StatusOr<int64_t> ParseWhole(std::string_view text, int64_t low, int64_t high);

// Bytes: a whole number, or one with the suffix KiB, MiB or GiB.
absl::StatusOr<size_t> ParseBytes(std::string_view text, size_t low, size_t high);
std::string FormatBytes(size_t bytes);

// Seconds as a plain number ("30", "0.5") or a duration with its unit ("500ms", "1m30s"); not
// negative, finite.
absl::StatusOr<absl::Duration> ParseSeconds(std::string_view text);

// true/false, yes/no, on/off, 1/0.
absl::StatusOr<bool> ParseBool(std::string_view text);

// A text that must not be empty.
absl::Status ParseText(std::string_view text, std::string& value);

// Names of an enum's values.
template <typename E>
struct EnumName {
  const char* name;
  E value;
};

template <typename E, size_t N>
absl::Status ParseChoice(std::string_view text, const EnumName<E> (&choices)[N], E& value) {
  std::string expected;
  for (const EnumName<E>& choice : choices) {
    if (text == choice.name) {
      value = choice.value;
      return absl::OkStatus();
    }
    absl::StrAppend(&expected, expected.empty() ? "" : ", ", choice.name);
  }
  return BadValue(text, "one of " + expected);
}

template <typename E, size_t N>
std::string ChoiceName(const EnumName<E> (&choices)[N], E value) {
  for (const EnumName<E>& choice : choices) {
    if (choice.value == value) return choice.name;
  }
  return "";
}

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_OPTION_VALUES_H_
