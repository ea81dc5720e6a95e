// What is done with int8 elements in registers of AVX-512 with VNNI. Included as functions_impl.h
// is, after it.

namespace snapvit {
namespace {

template <>
struct Element<int8_t> {
  // Of unsigned weights.
  static Words MulAdd(Words sum, Words value, Words weights) {
    return _mm512_dpbusd_epi32(sum, weights, value);
  }
};

}  // namespace
}  // namespace snapvit
