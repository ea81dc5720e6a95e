#include "server/small_float.h"

#include <bit>
#include <cmath>

namespace snapvit {
namespace {

// `bits` without its lowest `shift` bits, rounded to nearest, ties to even.
uint32_t ShiftRounded(uint32_t bits, int shift) {
  const uint32_t half = (1u << (shift - 1)) - 1;
  const uint32_t odd = (bits >> shift) & 1u;
  return (bits + half + odd) >> shift;
}

}  // namespace

uint16_t ToFp16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = (bits >> 16) & 0x8000u;
  const uint32_t magnitude = bits & 0x7FFFFFFFu;
  if (magnitude > 0x7F800000u) return static_cast<uint16_t>(sign | 0x7E00u);   // NaN
  if (magnitude >= 0x47800000u) return static_cast<uint16_t>(sign | 0x7C00u);  // 65536 and up
  if (magnitude >= 0x38800000u) {
    // Normal: move the exponent's bias from 127 to 15. A carry out of the mantissa is right, up to
    // infinity.
    return static_cast<uint16_t>(sign | ShiftRounded(magnitude - (112u << 23), 13));
  }
  // Subnormal: the value in units of 2^-24, which fits a float's mantissa exactly.
  const float units = std::bit_cast<float>(magnitude) * 16777216.0f;
  return static_cast<uint16_t>(sign | static_cast<uint32_t>(std::nearbyint(units)));
}

float FromFp16(uint16_t bits) {
  const uint32_t sign = (bits & 0x8000u) << 16;
  const uint32_t exponent = (bits >> 10) & 0x1Fu;
  const uint32_t mantissa = bits & 0x3FFu;
  if (exponent == 0) {
    const float value = static_cast<float>(mantissa) / 16777216.0f;
    return sign != 0 ? -value : value;
  }
  const uint32_t wide = exponent == 31 ? 255u : exponent + 112u;
  return std::bit_cast<float>(sign | wide << 23 | mantissa << 13);
}

uint16_t ToBf16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  if (std::isnan(value)) return static_cast<uint16_t>(bits >> 16 | 0x40u);
  return static_cast<uint16_t>(ShiftRounded(bits, 16));
}

float FromBf16(uint16_t bits) { return std::bit_cast<float>(uint32_t{bits} << 16); }

}  // namespace snapvit
