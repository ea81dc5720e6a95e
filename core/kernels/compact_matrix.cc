#include "core/kernels/compact_matrix.h"

#include <bit>
#include <vector>

namespace snapvit {

CompactMatrix CompactMatrix::Pack(const BFloat16Bits* values, int64_t inputs, int64_t outputs,
                                  int64_t input_stride, int64_t output_stride) {
  std::vector<float> floats(inputs * outputs);
  for (int64_t i = 0; i < inputs; ++i) {
    for (int64_t o = 0; o < outputs; ++o) {
      const uint32_t bits = values[i * input_stride + o * output_stride];
      floats[i * outputs + o] = std::bit_cast<float>(bits << 16);
    }
  }
  const auto packed = PackedMatrix<float>::Pack(floats.data(), inputs, outputs, outputs, 1);
  CompactMatrix compact;
  compact.inputs_ = inputs;
  compact.outputs_ = outputs;
  const size_t words = packed.bytes() / sizeof(uint32_t);
  compact.halves_.Reserve(words);
  for (size_t i = 0; i < words; ++i) {
    compact.halves_.data()[i] = static_cast<BFloat16Bits>(packed.panel(0)[i] >> 16);
  }
  return compact;
}

void CompactMatrix::Expand(PackedMatrix<float>& matrix) const {
  matrix.Reshape(inputs_, outputs_, /*gated=*/false);
  uint32_t* words = matrix.words_.data();
  const BFloat16Bits* halves = halves_.data();
  for (size_t i = 0; i < halves_.size(); ++i) words[i] = uint32_t{halves[i]} << 16;
}

}  // namespace snapvit
