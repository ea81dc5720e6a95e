#include "core/model/tensor_dtype.h"

namespace snapvit {
namespace {

struct Row {
  TensorDtype dtype;
  std::string_view name;
  size_t size;
};

// In the order of the enumeration.
constexpr Row kRows[] = {
    {TensorDtype::kBool, "BOOL", 1}, {TensorDtype::kU8, "U8", 1},   {TensorDtype::kI8, "I8", 1},
    {TensorDtype::kI16, "I16", 2},   {TensorDtype::kU16, "U16", 2}, {TensorDtype::kF16, "F16", 2},
    {TensorDtype::kBF16, "BF16", 2}, {TensorDtype::kI32, "I32", 4}, {TensorDtype::kU32, "U32", 4},
    {TensorDtype::kF32, "F32", 4},   {TensorDtype::kI64, "I64", 8}, {TensorDtype::kU64, "U64", 8},
    {TensorDtype::kF64, "F64", 8},
};

constexpr bool InOrder() {
  for (size_t i = 0; i < std::size(kRows); ++i) {
    if (static_cast<size_t>(kRows[i].dtype) != i) return false;
  }
  return true;
}
static_assert(InOrder(), "kRows is indexed by the enumeration");

const Row& RowOf(TensorDtype dtype) { return kRows[static_cast<size_t>(dtype)]; }

}  // namespace

std::string_view DtypeName(TensorDtype dtype) { return RowOf(dtype).name; }

size_t DtypeSize(TensorDtype dtype) { return RowOf(dtype).size; }

std::optional<TensorDtype> DtypeFromName(std::string_view name) {
  for (const Row& row : kRows) {
    if (row.name == name) return row.dtype;
  }
  return std::nullopt;
}

std::string_view KnownDtypeNames() {
  return "BOOL, U8, I8, I16, U16, F16, BF16, I32, U32, F32, I64, U64, F64";
}

}  // namespace snapvit
