#include "core/elastic/execution_dtype.h"

namespace snapvit {

std::string_view DtypeName(ExecutionDtype dtype) {
  switch (dtype) {
    case ExecutionDtype::kFloat32:
      return "fp32";
    case ExecutionDtype::kBFloat16:
      return "bf16";
    case ExecutionDtype::kInt8:
      return "int8";
  }
  return "fp32";
}

std::optional<ExecutionDtype> DtypeNamed(std::string_view name) {
  for (const ExecutionDtype dtype :
       {ExecutionDtype::kFloat32, ExecutionDtype::kBFloat16, ExecutionDtype::kInt8}) {
    if (DtypeName(dtype) == name) return dtype;
  }
  return std::nullopt;
}

}  // namespace snapvit
