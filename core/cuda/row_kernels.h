// The module's own kernels, launched. Internal to libsnapvit_cuda.so.
#ifndef SNAPVIT_CORE_CUDA_ROW_KERNELS_H_
#define SNAPVIT_CORE_CUDA_ROW_KERNELS_H_

#include <cuda_runtime_api.h>

#include "core/device/cuda_module_api.h"

namespace snapvit::row_kernels {

// Give the work to `stream` and return; the error is that of the launch.
cudaError_t LaunchAddNorm(const SnapvitAddNorm& call, cudaStream_t stream);
cudaError_t LaunchGatherPatches(const SnapvitPatches& call, cudaStream_t stream);

}  // namespace snapvit::row_kernels

#endif  // SNAPVIT_CORE_CUDA_ROW_KERNELS_H_
