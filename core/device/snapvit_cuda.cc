// libsnapvit_cuda.so: loaded for a GPU only. Linking libtorch_cuda is its purpose: on loading, that
// library registers its kernels with ATen in the process, and the code that runs on the CPU then
// runs on a GPU. The functions here answer what the programs, which know no CUDA, want to know.
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAGuard.h>
#include <cuda_runtime_api.h>

#include <algorithm>
#include <exception>
#include <string>

#include "core/device/cuda_module_api.h"

namespace {

void CopyText(const std::string& text, char* out, size_t size) {
  if (size == 0) return;
  out[text.copy(out, size - 1)] = '\0';
}

// Runs `body`, which throws; nothing crosses the C interface.
template <typename Body>
int Report(char* error, size_t error_size, const Body& body) {
  try {
    body();
    return 0;
  } catch (const c10::Error& failure) {
    CopyText(failure.what_without_backtrace(), error, error_size);
  } catch (const std::exception& failure) {
    CopyText(failure.what(), error, error_size);
  } catch (...) {
    CopyText("an exception of unknown type", error, error_size);
  }
  return 1;
}

int DeviceCount(int* count, char* error, size_t error_size) {
  *count = 0;
  int driver = 0;  // version; stays 0 without one, which cudaGetDeviceCount calls an old one
  if (cudaDriverGetVersion(&driver) == cudaSuccess && driver == 0) {
    CopyText("no NVIDIA driver is installed", error, error_size);
    return 1;
  }
  // Not c10's function, which turns every failure into no devices.
  const cudaError_t result = cudaGetDeviceCount(count);
  if (result != cudaSuccess) {
    *count = 0;
    cudaGetLastError();  // or the next call would report it again
    CopyText(cudaGetErrorString(result), error, error_size);
    return 1;
  }
  return Report(error, error_size, [&] {
    TORCH_CHECK(*count == 0 || at::detail::getCUDAHooks().hasCUDA(),
                "the module was loaded after the first computation of this process, when ATen had "
                "already looked for CUDA");
  });
}

int DeviceName(int index, char* name, size_t name_size, char* error, size_t error_size) {
  return Report(error, error_size, [&] {
    cudaDeviceProp properties{};
    C10_CUDA_CHECK(cudaGetDeviceProperties(&properties, index));
    CopyText(properties.name, name, name_size);
  });
}

int DeviceMemory(int index, uint64_t* free_bytes, uint64_t* total_bytes, char* error,
                 size_t error_size) {
  return Report(error, error_size, [&] {
    const c10::cuda::CUDAGuard guard(static_cast<c10::DeviceIndex>(index));
    size_t free = 0;
    size_t total = 0;
    C10_CUDA_CHECK(cudaMemGetInfo(&free, &total));
    *free_bytes = free;
    *total_bytes = total;
  });
}

int Synchronize(int index, char* error, size_t error_size) {
  return Report(error, error_size, [&] {
    const c10::cuda::CUDAGuard guard(static_cast<c10::DeviceIndex>(index));
    c10::cuda::device_synchronize();
  });
}

constexpr SnapvitCudaApi kApi = {kSnapvitCudaApiVersion, DeviceCount, DeviceName, DeviceMemory,
                                 Synchronize};

}  // namespace

extern "C" __attribute__((visibility("default"))) const SnapvitCudaApi* snapvit_cuda_api() {
  return &kApi;
}
