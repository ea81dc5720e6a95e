// The ATen scalar type of a checkpoint's dtype, and tensors of a checkpoint file as ATen tensors.
#ifndef SNAPVIT_CORE_MODEL_TORCH_DTYPE_H_
#define SNAPVIT_CORE_MODEL_TORCH_DTYPE_H_

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "core/model/safetensors.h"
#include "core/model/tensor_dtype.h"

namespace snapvit {

at::ScalarType ScalarTypeOf(TensorDtype dtype);

// The file's tensor without a copy: it keeps the file mapped for as long as its storage lives. The
// memory is read-only: writing to the tensor crashes. (Bytes that are not aligned to the dtype,
// which the format allows, are copied instead.) NOT_FOUND if there is no such tensor; throws
// c10::Error as ATen does.
absl::StatusOr<at::Tensor> TensorOfFile(const std::shared_ptr<const SafetensorsFile>& file,
                                        const std::string& name);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_MODEL_TORCH_DTYPE_H_
