// The score files that the authors of SnapViT publish: torch.save archives of importance scores.
#ifndef SNAPVIT_CORE_SNAPVIT_PUBLISHED_SCORES_H_
#define SNAPVIT_CORE_SNAPVIT_PUBLISHED_SCORES_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/elastic/ordering.h"

namespace snapvit {

// The ordering in the bytes of such a file: its scores and minimum keeps as they are; fingerprint
// "any", since the file names no weights; no fidelity. INVALID_ARGUMENT for everything that is not
// such a file, whoever made it: nothing in it is executed, and only the five Python names that
// these files use may appear.
absl::StatusOr<Ordering> ParsePublishedScores(std::string_view bytes);

// The same from a file; messages name it.
absl::StatusOr<Ordering> ReadPublishedScores(const std::string& path);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SNAPVIT_PUBLISHED_SCORES_H_
