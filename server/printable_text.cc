#include "server/printable_text.h"

#include <cstdint>

#include "absl/strings/str_cat.h"

namespace snapvit {
namespace {

// Line separators, and what makes a terminal show text in another order than it has.
bool Misleads(uint32_t code) {
  return code == 0x200E || code == 0x200F || (code >= 0x2028 && code <= 0x202E) ||
         (code >= 0x2066 && code <= 0x2069);
}

// Bytes of the valid, printable UTF-8 sequence that `text` starts with; 0 if there is none. C0 and
// C1 controls, DEL, line separators and marks of direction count as not printable.
size_t PrintableSequence(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const auto continuation = [&](size_t i) { return i < text.size() && (byte(i) & 0xC0) == 0x80; };
  const uint8_t first = byte(0);
  if (first < 0x80) return first >= 0x20 && first != 0x7F ? 1 : 0;
  if (first >= 0xC2 && first <= 0xDF && continuation(1)) {
    return first == 0xC2 && byte(1) < 0xA0 ? 0 : 2;
  }
  if ((first & 0xF0) == 0xE0 && continuation(1) && continuation(2)) {
    const uint32_t code = (first & 0x0Fu) << 12 | (byte(1) & 0x3Fu) << 6 | (byte(2) & 0x3Fu);
    const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
    return code < 0x800 || surrogate || Misleads(code) ? 0 : 3;
  }
  if ((first & 0xF8) == 0xF0 && continuation(1) && continuation(2) && continuation(3)) {
    const uint32_t code = (first & 0x07u) << 18 | (byte(1) & 0x3Fu) << 12 | (byte(2) & 0x3Fu) << 6 |
                          (byte(3) & 0x3Fu);
    return code < 0x10000 || code > 0x10FFFF ? 0 : 4;
  }
  return 0;
}

}  // namespace

std::string PrintableText(std::string_view text, size_t max_bytes) {
  std::string safe;
  while (!text.empty()) {
    if (safe.size() >= max_bytes) return absl::StrCat(safe, "…");
    const size_t size = PrintableSequence(text);
    if (size == 0) {
      absl::StrAppend(&safe, "\\x", absl::Hex(static_cast<uint8_t>(text[0]), absl::kZeroPad2));
      text.remove_prefix(1);
    } else {
      safe.append(text.substr(0, size));
      text.remove_prefix(size);
    }
  }
  return safe;
}

}  // namespace snapvit
