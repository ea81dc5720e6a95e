// What the image tests share: golden files, tables and the synthetic image that the golden
// generator computes too.
#ifndef SNAPVIT_TESTS_UNIT_CORE_IMAGE_TEST_IMAGES_H_
#define SNAPVIT_TESTS_UNIT_CORE_IMAGE_TEST_IMAGES_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/image/image.h"
#include "core/image/preprocessing.h"

namespace snapvit {

// A file of tests/testdata/FOLDER; fails the test and is empty if it cannot be read.
std::vector<uint8_t> ReadGolden(const std::string& name, const std::string& folder = "images");
// The fields of each line of a tab-separated golden table.
std::vector<std::vector<std::string>> ReadGoldenTable(const std::string& name,
                                                      const std::string& folder = "images");

// Noise of synthetic_pixels() in tests/golden/make_image_goldens.py.
Image SyntheticImage(int width, int height, uint32_t seed);

Interpolation InterpolationOf(const std::string& name);

std::string Sha256Hex(const void* data, size_t size);

// "equal", or the first difference as "pixel (x, y) channel c: got A, expected B; N bytes differ".
std::string ComparePixels(const Image& got, std::span<const uint8_t> expected);

}  // namespace snapvit

#endif  // SNAPVIT_TESTS_UNIT_CORE_IMAGE_TEST_IMAGES_H_
