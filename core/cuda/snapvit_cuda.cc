// libsnapvit_cuda.so: loaded for a GPU only. Linking libtorch_cuda is its purpose: on loading, that
// library registers its kernels with ATen in the process, and the code that runs on the CPU then
// runs on a GPU. The functions here do what the programs, which know no CUDA, cannot ask ATen for:
// what there is, CUDA graphs, and kernels of our own (SNAPVIT_ROW_KERNELS: there is nvcc).
#include <ATen/cuda/CUDAGraph.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>

#include <algorithm>
#include <exception>
#include <mutex>
#include <string>

#include "core/cuda/row_kernels.h"
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

// Not the whole device: that would break the capture of another thread.
int Synchronize(int index, char* error, size_t error_size) {
  return Report(error, error_size, [&] {
    const c10::cuda::CUDAGuard guard(static_cast<c10::DeviceIndex>(index));
    c10::cuda::getCurrentCUDAStream().synchronize();
  });
}

#ifdef SNAPVIT_ROW_KERNELS
template <typename Call>
int Launch(cudaError_t (*launch)(const Call&, cudaStream_t), int index, const Call* call,
           char* error, size_t error_size) {
  return Report(error, error_size, [&] {
    const c10::cuda::CUDAGuard guard(static_cast<c10::DeviceIndex>(index));
    C10_CUDA_CHECK(launch(*call, c10::cuda::getCurrentCUDAStream().stream()));
  });
}

int AddNorm(int index, const SnapvitAddNorm* call, char* error, size_t error_size) {
  return Launch(snapvit::row_kernels::LaunchAddNorm, index, call, error, error_size);
}

int GatherPatches(int index, const SnapvitPatches* call, char* error, size_t error_size) {
  return Launch(snapvit::row_kernels::LaunchGatherPatches, index, call, error, error_size);
}
#else
constexpr decltype(SnapvitCudaApi::add_norm) AddNorm = nullptr;
constexpr decltype(SnapvitCudaApi::gather_patches) GatherPatches = nullptr;
#endif

// ATen's random generator and allocator are part of every capture: one at a time. Replays need
// neither (nothing here draws), and go on meanwhile.
std::mutex captures_mutex;

// Ends a capture. If it failed, ATen throws before it tells the allocator, which would count it as
// under way for good.
void EndCapture(at::cuda::CUDAGraph& graph, c10::DeviceIndex device, at::cuda::MempoolId_t pool) {
  try {
    graph.capture_end();
  } catch (...) {
    try {
      c10::cuda::CUDACachingAllocator::endAllocateToPool(device, pool);
    } catch (...) {  // it knew
    }
    throw;
  }
}

int GraphCapture(int index, int (*body)(void*), void* context, void* share, void** graph,
                 char* error, size_t error_size) {
  return Report(error, error_size, [&] {
    const auto device = static_cast<c10::DeviceIndex>(index);
    const c10::cuda::CUDAGuard guard(device);
    const std::lock_guard lock(captures_mutex);
    const at::cuda::MempoolId_t pool = share != nullptr
                                           ? static_cast<at::cuda::CUDAGraph*>(share)->pool()
                                           : at::cuda::graph_pool_handle();
    // On failure it stays for good: the allocator may still ask it which stream it captures.
    auto* const captured = new at::cuda::CUDAGraph();
    // Other threads go on allocating and copying: only this one's calls may not break a capture.
    captured->capture_begin(pool, cudaStreamCaptureModeThreadLocal);
    const int failed = body(context);
    EndCapture(*captured, device, pool);
    TORCH_CHECK(failed == 0, "the work that was to become a graph failed");
    *graph = captured;
  });
}

int GraphReplay(void* graph, char* error, size_t error_size) {
  return Report(error, error_size, [&] { static_cast<at::cuda::CUDAGraph*>(graph)->replay(); });
}

void GraphFree(void* graph) {
  const std::lock_guard lock(captures_mutex);
  delete static_cast<at::cuda::CUDAGraph*>(graph);
}

constexpr SnapvitCudaApi kApi = {
    kSnapvitCudaApiVersion, DeviceCount,  DeviceName,  DeviceMemory, Synchronize, AddNorm,
    GatherPatches,          GraphCapture, GraphReplay, GraphFree};

}  // namespace

extern "C" __attribute__((visibility("default"))) const SnapvitCudaApi* snapvit_cuda_api() {
  return &kApi;
}
