#include "tests/unit/core/image/test_images.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/base/file.h"
#include "core/base/sha256.h"

namespace snapvit {
namespace {

std::string ReadGoldenText(const std::string& name, const std::string& folder) {
  const absl::StatusOr<std::string> content =
      ReadFile(SNAPVIT_SOURCE_DIR "/tests/testdata/" + folder + "/" + name, /*max_bytes=*/1 << 24);
  EXPECT_TRUE(content.ok()) << content.status();
  return content.ok() ? *content : "";
}

}  // namespace

std::vector<uint8_t> ReadGolden(const std::string& name, const std::string& folder) {
  const std::string content = ReadGoldenText(name, folder);
  return {content.begin(), content.end()};
}

std::vector<std::vector<std::string>> ReadGoldenTable(const std::string& name,
                                                      const std::string& folder) {
  std::vector<std::vector<std::string>> rows;
  const std::string content = ReadGoldenText(name, folder);
  const std::vector<std::string> lines = absl::StrSplit(content, '\n', absl::SkipEmpty());
  for (const std::string& line : lines) rows.push_back(absl::StrSplit(line, '\t'));
  return rows;
}

Image SyntheticImage(int width, int height, uint32_t seed) {
  Image image{width, height, {}};
  image.rgb.resize(size_t{3} * static_cast<size_t>(width) * static_cast<size_t>(height));
  for (size_t i = 0; i < image.rgb.size(); ++i) {
    uint32_t x = static_cast<uint32_t>(i) * 0x9E3779B1u + seed;
    x ^= x >> 15;
    x *= 0x85EBCA77u;
    x ^= x >> 13;
    x *= 0xC2B2AE3Du;
    x ^= x >> 16;
    image.rgb[i] = static_cast<uint8_t>(x & 255);
  }
  return image;
}

Interpolation InterpolationOf(const std::string& name) {
  if (name == "bilinear") return Interpolation::kBilinear;
  if (name == "lanczos") return Interpolation::kLanczos;
  if (name == "nearest") return Interpolation::kNearest;
  if (name == "box") return Interpolation::kBox;
  if (name == "hamming") return Interpolation::kHamming;
  EXPECT_EQ(name, "bicubic");
  return Interpolation::kBicubic;
}

std::string Sha256Hex(const void* data, size_t size) {
  Sha256 hash;
  hash.Add(data, size);
  return hash.HexDigest();
}

std::string ComparePixels(const Image& got, std::span<const uint8_t> expected) {
  if (got.rgb.size() != expected.size()) {
    return absl::StrCat("got ", got.rgb.size(), " bytes, expected ", expected.size());
  }
  size_t first = expected.size();
  size_t count = 0;
  int largest = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    if (got.rgb[i] == expected[i]) continue;
    first = std::min(first, i);
    largest = std::max(largest, std::abs(got.rgb[i] - expected[i]));
    ++count;
  }
  if (count == 0) return "equal";
  const size_t pixel = first / 3;
  const size_t width = static_cast<size_t>(got.width);
  return absl::StrCat("pixel (", pixel % width, ", ", pixel / width, ") channel ", first % 3,
                      ": got ", got.rgb[first], ", expected ", expected[first], "; ", count,
                      " bytes differ, by at most ", largest);
}

}  // namespace snapvit
