// Score files that others publish, as archives. Checksums keep most changes away from the pickle
// inside: score_pickle_fuzz.cc is about that.
#include "core/snapvit/published_scores.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto ordering = snapvit::ParsePublishedScores(snapvit::AsText(data, size));
  if (ordering.ok()) CHECK_THAT(snapvit::ValidateOrdering(*ordering).ok());
  return 0;
}
