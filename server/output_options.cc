#include "server/output_options.h"

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace snapvit {
namespace {

absl::StatusOr<EmbeddingKind> ReadPooling(v1::Pooling pooling) {
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
      return absl::InvalidArgumentError(absl::StrCat(
          "output.pooling is ", static_cast<int>(pooling), ", expected a value of Pooling"));
  }
}

absl::StatusOr<v1::DType> ReadDtype(v1::DType dtype) {
  switch (dtype) {
    case v1::DTYPE_UNSPECIFIED:
      return v1::DTYPE_FP32;
    case v1::DTYPE_FP32:
    case v1::DTYPE_FP16:
    case v1::DTYPE_BF16:
    case v1::DTYPE_INT8:
      return dtype;
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("output.dtype is ", v1::DType_Name(dtype), " (", static_cast<int>(dtype),
                       "), expected DTYPE_FP32, DTYPE_FP16, DTYPE_BF16 or DTYPE_INT8"));
  }
}

}  // namespace

absl::StatusOr<OutputOptions> ReadOutputOptions(const v1::Output& proto, const ServedModel& model) {
  OutputOptions output;
  ASSIGN_OR_RETURN(output.kind, ReadPooling(proto.pooling()));
  RETURN_IF_ERROR(model.pooling(output.kind).status);
  ASSIGN_OR_RETURN(output.dtype, ReadDtype(proto.dtype()));
  const int dimension = EmbeddingSize(model.config, output.kind);
  if (proto.dimensions() > static_cast<uint32_t>(dimension)) {
    return absl::InvalidArgumentError(absl::StrCat("output.dimensions is ", proto.dimensions(),
                                                   ", expected at most ", dimension,
                                                   ", the size of this embedding (0: all)"));
  }
  output.dimensions = proto.dimensions() == 0 ? dimension : static_cast<int>(proto.dimensions());
  output.normalize = proto.normalize();
  return output;
}

}  // namespace snapvit
