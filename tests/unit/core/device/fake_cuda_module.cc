// Stands in for libsnapvit_cuda.so. FAKE_GPUS: how many it reports; below 0 the driver complains.
// The second GPU has a name and memory, but fails at everything that it is given to do. The first
// one's memory is the process's: kernels run here, and a graph does once more what was captured.
// FAKE_BARE: it has no kernels, and can capture nothing.
#include <cstdio>
#include <cstring>

#include "core/cuda/row_kernels_impl.h"
#include "core/device/cuda_module_api.h"

#ifndef FAKE_VERSION
#define FAKE_VERSION kSnapvitCudaApiVersion
#endif
#ifndef FAKE_SYMBOL
#define FAKE_SYMBOL snapvit_cuda_api
#endif

namespace {

int DeviceCount(int* count, char* error, size_t error_size) {
  if (FAKE_GPUS < 0) {
    std::snprintf(error, error_size, "the driver is too old");
    return 1;
  }
  *count = FAKE_GPUS;
  return 0;
}

int DeviceName(int index, char* name, size_t name_size, char*, size_t) {
  std::snprintf(name, name_size, "Fake GPU %d", index);
  return 0;
}

int DeviceMemory(int index, uint64_t* free_bytes, uint64_t* total_bytes, char*, size_t) {
  *free_bytes = 1000 * static_cast<uint64_t>(index + 1);
  *total_bytes = 2000 * static_cast<uint64_t>(index + 1);
  return 0;
}

int Fails(int index, char* error, size_t error_size) {
  if (index == 0) return 0;
  std::snprintf(error, error_size, "an illegal memory access was encountered");
  return 1;
}

int Synchronize(int index, char* error, size_t error_size) {
  return Fails(index, error, error_size);
}

// All lanes of a row, one after the other.
struct LanesInTurn {
  template <typename F>
  float Sum(const F& f) const {
    float sum = 0;
    for (int lane = 0; lane < snapvit::row_kernels::kLanes; ++lane) sum += f(lane);
    return sum;
  }
  template <typename F>
  void ForEach(const F& f) const {
    for (int lane = 0; lane < snapvit::row_kernels::kLanes; ++lane) f(lane);
  }
};

int AddNorm(int index, const SnapvitAddNorm* call, char* error, size_t error_size) {
  snapvit::row_kernels::DispatchAddNorm(*call, [&](auto piece, auto added, auto out) {
    for (int64_t row = 0; row < call->rows; ++row) {
      snapvit::row_kernels::AddNormRow<decltype(piece)::kPiece, decltype(added), decltype(out)>(
          *call, row, LanesInTurn());
    }
  });
  return Fails(index, error, error_size);
}

int GatherPatches(int index, const SnapvitPatches* call, char* error, size_t error_size) {
  for (int64_t i = 0; i < snapvit::row_kernels::PatchElements(*call); ++i) {
    if (call->out_element == kSnapvitBf16) {
      snapvit::row_kernels::GatherPatch<snapvit::row_kernels::Bf16Bits>(*call, i);
    } else {
      snapvit::row_kernels::GatherPatch<float>(*call, i);
    }
  }
  return Fails(index, error, error_size);
}

struct Graph {
  int (*body)(void*);
  void* context;
};

int GraphCapture(int index, int (*body)(void*), void* context, void*, void** graph, char* error,
                 size_t error_size) {
  if (Fails(index, error, error_size) != 0) return 1;
#ifdef FAKE_BARE
  std::snprintf(error, error_size, "operation not permitted when stream is capturing");
  return 1;
#endif
  if (body(context) != 0) {
    std::snprintf(error, error_size, "the work failed");
    return 1;
  }
  *graph = new Graph{body, context};
  return 0;
}

int GraphReplay(void* graph, char* error, size_t error_size) {
  const Graph& work = *static_cast<Graph*>(graph);
  if (work.body(work.context) == 0) return 0;
  std::snprintf(error, error_size, "the work failed");
  return 1;
}

void GraphFree(void* graph) { delete static_cast<Graph*>(graph); }

#ifdef FAKE_BARE
constexpr bool kHasKernels = false;
#else
constexpr bool kHasKernels = true;
#endif

const SnapvitCudaApi kApi = {FAKE_VERSION,
                             DeviceCount,
                             DeviceName,
                             DeviceMemory,
                             Synchronize,
                             kHasKernels ? AddNorm : nullptr,
                             kHasKernels ? GatherPatches : nullptr,
                             GraphCapture,
                             GraphReplay,
                             GraphFree};

}  // namespace

extern "C" __attribute__((visibility("default"))) const SnapvitCudaApi* FAKE_SYMBOL() {
  return &kApi;
}
