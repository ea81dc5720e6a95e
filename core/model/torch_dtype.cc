#include "core/model/torch_dtype.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <cstdint>
#include <cstring>

#include "core/base/status_macros.h"

namespace snapvit {

at::ScalarType ScalarTypeOf(TensorDtype dtype) {
  switch (dtype) {
    case TensorDtype::kBool:
      return at::kBool;
    case TensorDtype::kU8:
      return at::kByte;
    case TensorDtype::kI8:
      return at::kChar;
    case TensorDtype::kI16:
      return at::kShort;
    case TensorDtype::kU16:
      return at::kUInt16;
    case TensorDtype::kF16:
      return at::kHalf;
    case TensorDtype::kBF16:
      return at::kBFloat16;
    case TensorDtype::kI32:
      return at::kInt;
    case TensorDtype::kU32:
      return at::kUInt32;
    case TensorDtype::kF32:
      return at::kFloat;
    case TensorDtype::kI64:
      return at::kLong;
    case TensorDtype::kU64:
      return at::kUInt64;
    case TensorDtype::kF64:
      return at::kDouble;
  }
  return at::ScalarType::Undefined;
}

absl::StatusOr<at::Tensor> TensorOfFile(const std::shared_ptr<const SafetensorsFile>& file,
                                        const std::string& name) {
  ASSIGN_OR_RETURN(const TensorView view, file->Tensor(name));
  const at::TensorOptions options = at::TensorOptions(ScalarTypeOf(view.dtype));
  const bool aligned =
      reinterpret_cast<std::uintptr_t>(view.bytes.data()) % DtypeSize(view.dtype) == 0;
  if (!aligned || view.bytes.empty()) {
    at::Tensor copy = at::empty(view.shape, options);
    if (!view.bytes.empty()) std::memcpy(copy.data_ptr(), view.bytes.data(), view.bytes.size());
    return copy;
  }
  // The deleter's copy of the pointer is what keeps the mapping.
  return at::from_blob(
      const_cast<std::byte*>(view.bytes.data()), view.shape, [file](void*) {}, options);
}

}  // namespace snapvit
