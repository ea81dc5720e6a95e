#include "client/cli/pooling.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace snapvit::cli {

v1::Pooling PoolingOf(const std::string& name) {
  v1::Pooling pooling = v1::POOLING_DEFAULT;
  v1::Pooling_Parse(absl::StrCat("POOLING_", absl::AsciiStrToUpper(name)), &pooling);
  return pooling;
}

absl::StatusOr<EmbeddingKind> EmbeddingKindOf(v1::Pooling pooling) {
  switch (pooling) {
    case v1::POOLING_DEFAULT:
      return EmbeddingKind::kDefault;
    case v1::POOLING_CLS:
      return EmbeddingKind::kClass;
    case v1::POOLING_MEAN:
      return EmbeddingKind::kMean;
    case v1::POOLING_PATCHES:
      return EmbeddingKind::kPatches;
    case v1::POOLING_PROJECTED:
      return EmbeddingKind::kProjected;
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("pooling is ", static_cast<int>(pooling), ", expected a value of Pooling"));
  }
}

}  // namespace snapvit::cli
