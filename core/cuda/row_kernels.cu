#include <algorithm>

#include "core/cuda/row_kernels.h"
#include "core/cuda/row_kernels_impl.h"

namespace snapvit::row_kernels {
namespace {

constexpr int kWarpsOfBlock = 4;
constexpr int kThreads = kWarpsOfBlock * kLanes;

// The lanes of a warp, each in a thread of its own.
struct Warp {
  int lane;

  template <typename F>
  __device__ float Sum(const F& f) const {
    float sum = f(lane);
    for (int distance = kLanes / 2; distance > 0; distance /= 2) {
      sum += __shfl_xor_sync(0xffffffff, sum, distance);
    }
    return sum;
  }
  template <typename F>
  __device__ void ForEach(const F& f) const {
    f(lane);
  }
};

// A row a warp. All threads of a warp have the same row: none leaves a sum early.
template <int kPiece, typename Added, typename Out>
__global__ void __launch_bounds__(kThreads) AddNormKernel(const SnapvitAddNorm call) {
  const Warp warp{static_cast<int>(threadIdx.x) % kLanes};
  const int64_t row = int64_t{blockIdx.x} * kWarpsOfBlock + threadIdx.x / kLanes;
  if (row < call.rows) AddNormRow<kPiece, Added, Out>(call, row, warp);
}

template <typename Out>
__global__ void __launch_bounds__(kThreads) GatherPatchesKernel(const SnapvitPatches call) {
  const int64_t step = int64_t{gridDim.x} * kThreads;
  const int64_t end = PatchElements(call);
  for (int64_t i = int64_t{blockIdx.x} * kThreads + threadIdx.x; i < end; i += step) {
    GatherPatch<Out>(call, i);
  }
}

}  // namespace

cudaError_t LaunchAddNorm(const SnapvitAddNorm& call, cudaStream_t stream) {
  if (call.rows == 0) return cudaSuccess;
  const auto blocks = static_cast<unsigned>((call.rows + kWarpsOfBlock - 1) / kWarpsOfBlock);
  DispatchAddNorm(call, [&](auto piece, auto added, auto out) {
    AddNormKernel<decltype(piece)::kPiece, decltype(added), decltype(out)>
        <<<blocks, kThreads, 0, stream>>>(call);
  });
  return cudaGetLastError();
}

cudaError_t LaunchGatherPatches(const SnapvitPatches& call, cudaStream_t stream) {
  const int64_t elements = PatchElements(call);
  if (elements == 0) return cudaSuccess;
  constexpr int64_t kMostBlocks = 1 << 16;
  const auto blocks =
      static_cast<unsigned>(std::min(kMostBlocks, (elements + kThreads - 1) / kThreads));
  if (call.out_element == kSnapvitBf16) {
    GatherPatchesKernel<Bf16Bits><<<blocks, kThreads, 0, stream>>>(call);
  } else {
    GatherPatchesKernel<float><<<blocks, kThreads, 0, stream>>>(call);
  }
  return cudaGetLastError();
}

}  // namespace snapvit::row_kernels
