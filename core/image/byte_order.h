// Integers in the byte orders of image files, read from unaligned bytes. REQUIRES: the bytes are
// there.
#ifndef SNAPVIT_CORE_IMAGE_BYTE_ORDER_H_
#define SNAPVIT_CORE_IMAGE_BYTE_ORDER_H_

#include <cstdint>

namespace snapvit {

inline uint32_t ReadBigEndian16(const uint8_t* p) { return (uint32_t{p[0]} << 8) | p[1]; }
inline uint32_t ReadBigEndian32(const uint8_t* p) {
  return (ReadBigEndian16(p) << 16) | ReadBigEndian16(p + 2);
}
inline uint32_t ReadLittleEndian16(const uint8_t* p) {
  return uint32_t{p[0]} | (uint32_t{p[1]} << 8);
}
inline uint32_t ReadLittleEndian24(const uint8_t* p) {
  return ReadLittleEndian16(p) | (uint32_t{p[2]} << 16);
}
inline uint32_t ReadLittleEndian32(const uint8_t* p) {
  return ReadLittleEndian16(p) | (ReadLittleEndian16(p + 2) << 16);
}

}  // namespace snapvit

#endif  // SNAPVIT_CORE_IMAGE_BYTE_ORDER_H_
