// The device of core/device as ATen's, ready for computing in full f32.
#ifndef SNAPVIT_CORE_MODEL_TORCH_DEVICE_H_
#define SNAPVIT_CORE_MODEL_TORCH_DEVICE_H_

#include <c10/core/Device.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/device/device.h"
#include "core/model/model_folder.h"

namespace snapvit {

// FAILED_PRECONDITION for a CUDA device if ATen has no CUDA: nobody opened it (OpenDevice), or too
// late. For a CUDA device f32 products and convolutions are in f32 from here on, in the whole
// process: ATen would let cuDNN round their factors to 10 bits (TF32).
absl::StatusOr<at::Device> TorchDevice(const Device& device);

// Copies the weights of `folder` to `device`; on error they are where they were. What is computed
// from them is computed there: pixels go to the weights, never the weights to the pixels.
// RESOURCE_EXHAUSTED without memory.
absl::Status MoveWeights(const Device& device, ModelFolder& folder);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_MODEL_TORCH_DEVICE_H_
