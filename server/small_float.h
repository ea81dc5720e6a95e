// 16-bit floating point formats as bits: IEEE binary16 (FP16) and the upper half of binary32
// (BF16). Rounding is to nearest, ties to even, as hardware and NumPy do.
#ifndef SNAPVIT_SERVER_SMALL_FLOAT_H_
#define SNAPVIT_SERVER_SMALL_FLOAT_H_

#include <cstdint>

namespace snapvit {

uint16_t ToFp16(float value);  // beyond the range: infinity; NaN stays NaN
float FromFp16(uint16_t bits);
uint16_t ToBf16(float value);  // NaN stays NaN
float FromBf16(uint16_t bits);

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_SMALL_FLOAT_H_
