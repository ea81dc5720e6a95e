// What the fuzz targets share. A target is one function that takes any bytes: the sanitizers report
// what must not happen, and CHECK_THAT what must hold.
#ifndef SNAPVIT_TESTS_FUZZ_FUZZ_H_
#define SNAPVIT_TESTS_FUZZ_FUZZ_H_

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

// libFuzzer's entry; replay.cc calls it, too.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

// Ends the process, as a sanitizer does, if a property of the parsed value does not hold.
#define CHECK_THAT(condition)                                                             \
  do {                                                                                    \
    if (!(condition)) {                                                                   \
      std::fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                       \
    }                                                                                     \
  } while (false)

namespace snapvit {

inline std::string_view AsText(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace snapvit

#endif  // SNAPVIT_TESTS_FUZZ_FUZZ_H_
