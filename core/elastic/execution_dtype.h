// ExecutionDtype: what a model is computed in, and what options and reports call that.
#ifndef SNAPVIT_CORE_ELASTIC_EXECUTION_DTYPE_H_
#define SNAPVIT_CORE_ELASTIC_EXECUTION_DTYPE_H_

#include <optional>
#include <string_view>

namespace snapvit {

// Dtype of the matrix products and of the stored matrices. kInt8: of the four large matrices of
// each block, and of what they are multiplied with; all else is as in kBFloat16 where the processor
// multiplies that, else as in kFloat32.
enum class ExecutionDtype { kFloat32, kBFloat16, kInt8 };

// "fp32", "bf16" or "int8", as options have it.
std::string_view DtypeName(ExecutionDtype dtype);
// Nothing for other names.
std::optional<ExecutionDtype> DtypeNamed(std::string_view name);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_ELASTIC_EXECUTION_DTYPE_H_
