// Unpacking of vectors that travel in fewer than 32 bits an element.
#ifndef SNAPVIT_CLIENT_PACKED_FLOATS_H_
#define SNAPVIT_CLIENT_PACKED_FLOATS_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "snapvit/v1/types.pb.h"

namespace snapvit::client {

// The value of an IEEE 754 binary16, exactly; infinities and NaN stay what they are.
float HalfToFloat(uint16_t half);
// The value of a bfloat16: the upper half of a binary32.
float BFloat16ToFloat(uint16_t bits);

// Elements of `packed`, little-endian: FP16, BF16, or INT8 times `scale`. INTERNAL for another
// dtype, or if the bytes are no whole number of elements.
absl::StatusOr<std::vector<float>> UnpackFloats(v1::DType dtype, std::string_view packed,
                                                float scale);

}  // namespace snapvit::client

#endif  // SNAPVIT_CLIENT_PACKED_FLOATS_H_
