// Calls of core/kernels as a forward pass makes them. Internal to packed_pass.cc.
#ifndef SNAPVIT_CORE_ELASTIC_PACKED_CALLS_H_
#define SNAPVIT_CORE_ELASTIC_PACKED_CALLS_H_

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/elastic/packed_weights.h"
#include "core/kernels/kernels.h"

namespace snapvit {

// Null for none.
inline const float* Data(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.const_data_ptr<float>() : nullptr;
}

inline GemmActivation ActivationOf(Activation activation) {
  switch (activation) {
    case Activation::kGelu:
      return GemmActivation::kGelu;
    case Activation::kGeluTanh:
      return GemmActivation::kGeluTanh;
    case Activation::kQuickGelu:
      return GemmActivation::kQuickGelu;
    case Activation::kSilu:
      return GemmActivation::kSilu;
  }
  return GemmActivation::kNone;
}

template <typename U>
GemmCall<U> Product(const PackedMatrix<OperandOf<U>>& weights, int64_t inputs, int64_t outputs) {
  GemmCall<U> call;
  call.weights = &weights;
  call.inputs = inputs;
  call.outputs = outputs;
  return call;
}
template <typename W>
GemmCall<W> LayerProduct(const LayerMatrix<W>& layer, int64_t inputs, int64_t outputs) {
  GemmCall<W> call = Product<W>(layer.values, inputs, outputs);
  if constexpr (kIsInt8<W>) {
    call.weight_scales = layer.scales.data();
    call.gate_weight_scales = layer.gate_scales.data();
  }
  return call;
}

// Of rows, one of `step`, from `first` on.
template <typename T>
GemmRows<T> EveryOf(GemmRows<T> rows, int64_t first, int64_t step) {
  rows.data += first * rows.stride;
  rows.stride *= step;
  if constexpr (kIsInt8<T>) {
    rows.scales += first * rows.scale_stride;
    rows.scale_stride *= step;
  }
  return rows;
}

// Calls of the same weights, one of each view that has something of them.
template <typename T>
class Calls {
 public:
  GemmCall<T>& Add(const GemmCall<T>& call) { return calls_[count_++] = call; }
  std::span<const GemmCall<T>> all() const { return {calls_, count_}; }

 private:
  GemmCall<T> calls_[kMostCalls];
  size_t count_ = 0;
};

}  // namespace snapvit

#endif  // SNAPVIT_CORE_ELASTIC_PACKED_CALLS_H_
