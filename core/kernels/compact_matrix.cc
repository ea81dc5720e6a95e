#include "core/kernels/compact_matrix.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace snapvit {
namespace {

constexpr float kLargestByte = 127;

float ToFloat(BFloat16Bits bits) { return std::bit_cast<float>(uint32_t{bits} << 16); }

// The values as rows of `outputs` floats.
std::vector<float> Floats(const BFloat16Bits* values, int64_t inputs, int64_t outputs,
                          int64_t input_stride, int64_t output_stride) {
  std::vector<float> floats;
  floats.reserve(inputs * outputs);
  for (int64_t i = 0; i < inputs; ++i) {
    for (int64_t o = 0; o < outputs; ++o) {
      floats.push_back(ToFloat(values[i * input_stride + o * output_stride]));
    }
  }
  return floats;
}

// Values become values ÷ scale, to the nearest number that a byte holds.
std::vector<uint16_t> ToBytes(const std::vector<float>& values, int64_t outputs, ScaleOf scale_of,
                              std::vector<float>& scales) {
  const auto scale_at = [&](size_t i) -> float& {
    return scales[scale_of == ScaleOf::kInput ? i / outputs : i % outputs];
  };
  for (size_t i = 0; i < values.size(); ++i) {
    scale_at(i) = std::max(scale_at(i), std::abs(values[i]) / kLargestByte);
  }
  std::vector<uint16_t> bytes(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    const float scale = scale_at(i);
    const float byte = scale == 0 ? 0 : std::clamp(values[i] / scale, -kLargestByte, kLargestByte);
    bytes[i] = static_cast<uint16_t>(std::lround(byte) & 0xFF);
  }
  return bytes;
}

// A word's half, as CompactMatrix::halves says.
template <typename T>
uint16_t HalfOf(uint32_t word) {
  if constexpr (sizeof(T) == sizeof(float)) return static_cast<uint16_t>(word >> 16);
  return static_cast<uint16_t>((word & 0xFF) | (word >> 16 << 8));
}

}  // namespace

template <typename T>
CompactMatrix<T> CompactMatrix<T>::Pack(const BFloat16Bits* values, int64_t inputs, int64_t outputs,
                                        int64_t input_stride, int64_t output_stride,
                                        ScaleOf scale_of) {
  CompactMatrix compact;
  compact.inputs_ = inputs;
  compact.outputs_ = outputs;
  compact.scale_of_ = scale_of;
  const std::vector<float> floats = Floats(values, inputs, outputs, input_stride, output_stride);
  PackedMatrix<T> packed;
  if constexpr (sizeof(T) == sizeof(float)) {
    packed = PackedMatrix<T>::Pack(floats.data(), inputs, outputs, outputs, 1);
  } else {
    compact.scales_.resize(scale_of == ScaleOf::kInput ? (inputs + 1) / 2 * 2
                                                       : (outputs + kPanel - 1) / kPanel * kPanel);
    const std::vector<uint16_t> bytes = ToBytes(floats, outputs, scale_of, compact.scales_);
    packed = PackedMatrix<T>::Pack(bytes.data(), inputs, outputs, outputs, 1);
  }
  const size_t words = packed.bytes() / sizeof(uint32_t);
  compact.halves_.Reserve(words);
  for (size_t i = 0; i < words; ++i) compact.halves_.data()[i] = HalfOf<T>(packed.panel(0)[i]);
  return compact;
}

template <typename T>
uint32_t* CompactMatrix<T>::Prepare(PackedMatrix<T>& matrix) const {
  matrix.Reshape(inputs_, outputs_, /*gated=*/false);
  return matrix.words_.data();
}

template class CompactMatrix<BFloat16Bits>;
template class CompactMatrix<float>;

}  // namespace snapvit
