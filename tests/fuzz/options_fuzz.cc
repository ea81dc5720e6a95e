// The configuration file. What is accepted is printed such that it is read back as the same.
#include <optional>
#include <string>

#include "server/options_parser.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/memory_file.h"

namespace snapvit {
namespace {

absl::StatusOr<ParsedOptions> ParseFile(std::string_view content) {
  const MemoryFile file(content);
  return ParseOptions({"--config", file.path()}, [](const std::string&) { return std::nullopt; });
}

// Without the comments, which name the source.
std::string Values(const std::string& printed) {
  std::string values;
  size_t at = 0;
  while (at < printed.size()) {
    const size_t end = printed.find('\n', at);
    const std::string line = printed.substr(at, end - at);
    values += line.substr(0, line.find(" # ")) + "\n";
    if (end == std::string::npos) break;
    at = end + 1;
  }
  return values;
}

}  // namespace
}  // namespace snapvit

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto options = snapvit::ParseFile(snapvit::AsText(data, size));
  if (!options.ok()) return 0;
  const std::string printed = snapvit::PrintOptions(*options);
  const auto again = snapvit::ParseFile(printed);
  CHECK_THAT(again.ok());
  CHECK_THAT(snapvit::Values(snapvit::PrintOptions(*again)) == snapvit::Values(printed));
  return 0;
}
