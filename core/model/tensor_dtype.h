// TensorDtype: the element types of a checkpoint file, in plain C++ (torch_dtype.h maps them to
// ATen's).
#ifndef SNAPVIT_CORE_MODEL_TENSOR_DTYPE_H_
#define SNAPVIT_CORE_MODEL_TENSOR_DTYPE_H_

#include <cstddef>
#include <optional>
#include <string_view>

namespace snapvit {

enum class TensorDtype {
  kBool,
  kU8,
  kI8,
  kI16,
  kU16,
  kF16,
  kBF16,
  kI32,
  kU32,
  kF32,
  kI64,
  kU64,
  kF64
};

// The name that safetensors files use, e.g. "BF16".
std::string_view DtypeName(TensorDtype dtype);

// Bytes of one element.
size_t DtypeSize(TensorDtype dtype);

// The type of that name, or nothing.
std::optional<TensorDtype> DtypeFromName(std::string_view name);

// "BOOL, U8, …": every name that DtypeFromName knows, for error messages.
std::string_view KnownDtypeNames();

}  // namespace snapvit

#endif  // SNAPVIT_CORE_MODEL_TENSOR_DTYPE_H_
