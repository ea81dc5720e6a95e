#include "client/packed_floats.h"

#include <bit>
#include <cmath>
#include <cstddef>
#include <limits>

#include "absl/strings/str_cat.h"

namespace snapvit::client {
namespace {

std::vector<float> UnpackWords(std::string_view packed, float (*convert)(uint16_t)) {
  std::vector<float> values(packed.size() / 2);
  for (size_t i = 0; i < values.size(); ++i) {
    const auto low = static_cast<uint8_t>(packed[2 * i]);
    const auto high = static_cast<uint8_t>(packed[2 * i + 1]);
    values[i] = convert(static_cast<uint16_t>(low | high << 8));
  }
  return values;
}

std::vector<float> UnpackBytes(std::string_view packed, float scale) {
  std::vector<float> values(packed.size());
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(static_cast<int8_t>(packed[i])) * scale;
  }
  return values;
}

}  // namespace

float HalfToFloat(uint16_t half) {
  const int exponent = half >> 10 & 0x1f;
  const int mantissa = half & 0x3ff;
  float magnitude = 0;
  if (exponent == 0x1f) {
    magnitude = mantissa == 0 ? std::numeric_limits<float>::infinity()
                              : std::numeric_limits<float>::quiet_NaN();
  } else if (exponent == 0) {
    magnitude = std::ldexp(static_cast<float>(mantissa), -24);  // subnormal
  } else {
    magnitude = std::ldexp(static_cast<float>(mantissa | 0x400), exponent - 25);
  }
  return (half & 0x8000) != 0 ? -magnitude : magnitude;
}

float BFloat16ToFloat(uint16_t bits) {
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

absl::StatusOr<std::vector<float>> UnpackFloats(v1::DType dtype, std::string_view packed,
                                                float scale) {
  if (dtype == v1::DTYPE_INT8) return UnpackBytes(packed, scale);
  if (dtype != v1::DTYPE_FP16 && dtype != v1::DTYPE_BF16) {
    return absl::InternalError(absl::StrCat("the server sent an embedding of dtype ",
                                            static_cast<int>(dtype),
                                            ", expected FP32, FP16, BF16 or INT8"));
  }
  if (packed.size() % 2 != 0) {
    return absl::InternalError(absl::StrCat("the server sent an embedding of ", packed.size(),
                                            " bytes, expected two for each element"));
  }
  return UnpackWords(packed, dtype == v1::DTYPE_FP16 ? HalfToFloat : BFloat16ToFloat);
}

}  // namespace snapvit::client
