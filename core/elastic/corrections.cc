#include "core/elastic/corrections.h"

#include <string>

#include "absl/strings/str_cat.h"

namespace snapvit {

std::string_view CorrectionModeName(CorrectionMode mode) {
  switch (mode) {
    case CorrectionMode::kNone:
      return "none";
    case CorrectionMode::kBias:
      return "bias";
    case CorrectionMode::kFull:
      return "full";
  }
  return "";
}

absl::StatusOr<CorrectionMode> ParseCorrectionMode(std::string_view text) {
  for (const CorrectionMode mode :
       {CorrectionMode::kNone, CorrectionMode::kBias, CorrectionMode::kFull}) {
    if (text == CorrectionModeName(mode)) return mode;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("corrections '", std::string(text), "', expected none, bias or full"));
}

}  // namespace snapvit
