// The module's own kernels, as functions that nvcc compiles for the GPU (row_kernels.cu) and any
// compiler for the CPU, where they are tested: what is shared is everything but who the lanes are.
// C++17.
#ifndef SNAPVIT_CORE_CUDA_ROW_KERNELS_IMPL_H_
#define SNAPVIT_CORE_CUDA_ROW_KERNELS_IMPL_H_

#include <cmath>
#include <cstdint>
#include <cstring>

#include "core/device/cuda_module_api.h"

#ifdef __CUDACC__
#define SNAPVIT_HOST_DEVICE __host__ __device__
#else
#define SNAPVIT_HOST_DEVICE
#endif

namespace snapvit::row_kernels {

// Lanes that compute a row together: a warp.
inline constexpr int kLanes = 32;

using Bf16Bits = uint16_t;

SNAPVIT_HOST_DEVICE inline float ToFloat(float value) { return value; }
SNAPVIT_HOST_DEVICE inline float ToFloat(Bf16Bits bits) {
  const uint32_t wide = static_cast<uint32_t>(bits) << 16;
  float value = 0;
  memcpy(&value, &wide, sizeof(value));
  return value;
}

SNAPVIT_HOST_DEVICE inline void Store(float value, float* out) { *out = value; }
// To nearest even; NaN stays one.
SNAPVIT_HOST_DEVICE inline void Store(float value, Bf16Bits* out) {
  uint32_t wide = 0;
  memcpy(&wide, &value, sizeof(wide));
  const bool nan = (wide & 0x7fffffff) > 0x7f800000;
  *out =
      static_cast<Bf16Bits>(nan ? (wide >> 16) | 0x40 : (wide + 0x7fff + ((wide >> 16) & 1)) >> 16);
}

// kPiece elements that a lane reads and writes at once: aligned, if `dim` is a multiple of it.
template <typename T, int kPiece>
struct alignas(sizeof(T) * kPiece) Piece {
  T values[kPiece];
};

template <int kPiece, typename T>
SNAPVIT_HOST_DEVICE Piece<T, kPiece> Load(const T* from) {
  return *reinterpret_cast<const Piece<T, kPiece>*>(from);
}

template <int kPiece, typename Out>
SNAPVIT_HOST_DEVICE void StorePiece(const Piece<float, kPiece>& from, Out* to) {
  Piece<Out, kPiece> piece;
  for (int i = 0; i < kPiece; ++i) Store(from.values[i], &piece.values[i]);
  *reinterpret_cast<Piece<Out, kPiece>*>(to) = piece;
}

// One row of SnapvitAddNorm. Lanes: `Sum(f)`, the sum over all lanes of f(lane), known to each, and
// `ForEach(f)`. A lane has the same columns in each of the three passes, so that it reads only what
// it wrote itself. Mean and variance are those of the deviations, in f32: E[x²] − E[x]² would lose
// small variances of large values.
template <int kPiece, typename Added, typename Out, typename Lanes>
SNAPVIT_HOST_DEVICE void AddNormRow(const SnapvitAddNorm& call, int64_t row, const Lanes& lanes) {
  const int dim = call.dim;
  float* const x = call.x + row * dim;
  const Added* added = static_cast<const Added*>(call.added);
  if (added != nullptr && call.added_is_row == 0) added += row * dim;
  const float sum = lanes.Sum([&](int lane) {
    float total = 0;
    for (int column = lane * kPiece; column < dim; column += kLanes * kPiece) {
      Piece<float, kPiece> value = Load<kPiece>(x + column);
      if (added != nullptr) {
        const Piece<Added, kPiece> more = Load<kPiece>(added + column);
        Piece<float, kPiece> scale;
        for (int i = 0; i < kPiece; ++i) scale.values[i] = 1;
        if (call.scale != nullptr) scale = Load<kPiece>(call.scale + column);
        for (int i = 0; i < kPiece; ++i) {
          value.values[i] += scale.values[i] * ToFloat(more.values[i]);
        }
        StorePiece(value, x + column);
      }
      for (int i = 0; i < kPiece; ++i) total += value.values[i];
    }
    return total;
  });
  if (call.weight == nullptr) return;
  const float mean = sum / static_cast<float>(dim);
  const float squares = lanes.Sum([&](int lane) {
    float total = 0;
    for (int column = lane * kPiece; column < dim; column += kLanes * kPiece) {
      const Piece<float, kPiece> value = Load<kPiece>(x + column);
      for (int i = 0; i < kPiece; ++i) {
        total += (value.values[i] - mean) * (value.values[i] - mean);
      }
    }
    return total;
  });
  const float inverse = 1.0F / sqrtf(squares / static_cast<float>(dim) + call.eps);
  Out* const out = static_cast<Out*>(call.out) + row * dim;
  lanes.ForEach([&](int lane) {
    for (int column = lane * kPiece; column < dim; column += kLanes * kPiece) {
      Piece<float, kPiece> value = Load<kPiece>(x + column);
      const Piece<float, kPiece> weight = Load<kPiece>(call.weight + column);
      const Piece<float, kPiece> bias = Load<kPiece>(call.bias + column);
      for (int i = 0; i < kPiece; ++i) {
        value.values[i] = (value.values[i] - mean) * inverse * weight.values[i] + bias.values[i];
      }
      StorePiece(value, out + column);
    }
  });
}

// Where element `index` of SnapvitPatches::out comes from in `pixels`.
SNAPVIT_HOST_DEVICE inline int64_t PatchSource(const SnapvitPatches& call, int64_t index) {
  const int patch = call.patch;
  const int columns = call.width / patch, rows = call.height / patch;
  const int x = static_cast<int>(index % patch);
  const int y = static_cast<int>(index / patch % patch);
  const int channel = static_cast<int>(index / (patch * patch) % 3);
  const int64_t token = index / (3 * patch * patch);
  const int64_t j = token % columns, i = token / columns % rows, image = token / columns / rows;
  return ((image * 3 + channel) * call.height + i * patch + y) * call.width + j * patch + x;
}

SNAPVIT_HOST_DEVICE inline int64_t PatchElements(const SnapvitPatches& call) {
  return int64_t{3} * call.images * call.height * call.width;
}

template <typename Out>
SNAPVIT_HOST_DEVICE void GatherPatch(const SnapvitPatches& call, int64_t index) {
  Store(call.pixels[PatchSource(call, index)], static_cast<Out*>(call.out) + index);
}

template <int kSize>
struct PieceSize {
  static constexpr int kPiece = kSize;
};

// Calls f(PieceSize<…>(), Added(), Out()) with the piece and the types of `call`.
template <typename F>
void DispatchAddNorm(const SnapvitAddNorm& call, const F& f) {
  const auto with_out = [&](auto added, auto out) {
    if (call.dim % 4 == 0) {
      f(PieceSize<4>(), added, out);
    } else {
      f(PieceSize<1>(), added, out);
    }
  };
  const auto with_added = [&](auto added) {
    if (call.out_element == kSnapvitBf16) {
      with_out(added, Bf16Bits());
    } else {
      with_out(added, 0.0F);
    }
  };
  if (call.added_element == kSnapvitBf16) {
    with_added(Bf16Bits());
  } else {
    with_added(0.0F);
  }
}

}  // namespace snapvit::row_kernels

#endif  // SNAPVIT_CORE_CUDA_ROW_KERNELS_IMPL_H_
