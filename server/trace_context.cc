#include "server/trace_context.h"

#include <cstdint>
#include <string_view>

#include "absl/random/random.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace snapvit {
namespace {

// "00-" trace "-" parent "-" flags
constexpr size_t kTraceBegin = 3;
constexpr size_t kTraceDigits = 32;
constexpr size_t kParentBegin = kTraceBegin + kTraceDigits + 1;
constexpr size_t kParentDigits = 16;
constexpr size_t kFlagsBegin = kParentBegin + kParentDigits + 1;
constexpr size_t kLength = kFlagsBegin + 2;
constexpr std::string_view kDigits = "0123456789abcdef";

bool IsHex(std::string_view text) {
  return text.find_first_not_of(kDigits) == std::string_view::npos;
}

bool IsId(std::string_view text) {
  return IsHex(text) && text.find_first_not_of('0') != std::string_view::npos;
}

bool IsValid(std::string_view header) {
  if (header.size() < kLength) return false;
  for (const size_t dash : {kTraceBegin, kParentBegin, kFlagsBegin}) {
    if (header[dash - 1] != '-') return false;
  }
  const std::string_view version = header.substr(0, 2);
  if (!IsHex(version) || version == "ff") return false;
  // Later versions may have more fields, each behind a dash.
  if (header.size() > kLength && (version == "00" || header[kLength] != '-')) return false;
  return IsId(header.substr(kTraceBegin, kTraceDigits)) &&
         IsId(header.substr(kParentBegin, kParentDigits)) && IsHex(header.substr(kFlagsBegin, 2));
}

std::string NewSpanId() {
  thread_local absl::BitGen random;
  return absl::StrCat(absl::Hex(
      absl::Uniform<uint64_t>(absl::IntervalClosed, random, 1, UINT64_MAX), absl::kZeroPad16));
}

}  // namespace

std::string TraceContext::Traceresponse() const {
  return absl::StrCat("00-", trace_id, "-", span_id, "-00");
}

std::optional<TraceContext> ReadTraceContext(std::span<const std::string> traceparents) {
  if (traceparents.size() != 1) return std::nullopt;
  const absl::string_view stripped = absl::StripAsciiWhitespace(traceparents.front());
  const std::string_view header(stripped.data(), stripped.size());
  if (!IsValid(header)) return std::nullopt;
  return TraceContext{std::string(header.substr(kTraceBegin, kTraceDigits)),
                      std::string(header.substr(kParentBegin, kParentDigits)), NewSpanId()};
}

void AddTraceFields(const std::optional<TraceContext>& trace, LogFields& fields) {
  if (!trace.has_value()) return;
  fields.emplace_back("trace_id", trace->trace_id);
  fields.emplace_back("span_id", trace->span_id);
  fields.emplace_back("parent_id", trace->parent_id);
}

}  // namespace snapvit
