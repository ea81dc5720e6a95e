// Damaged files: whatever the bytes, decoding ends with an image or a status. The real fuzzing is
// in tests/fuzz; this deterministic sample of it runs everywhere, and under the sanitizers.
#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>
#include <vector>

#include "core/image/decode.h"
#include "tests/unit/core/image/test_images.h"

namespace snapvit {
namespace {

constexpr int kMutationsPerFile = 60;

// Flips bytes, cuts the end off, or repeats a part.
std::vector<uint8_t> Mutate(std::vector<uint8_t> bytes, std::mt19937& random) {
  const auto at = [&] { return static_cast<ptrdiff_t>(random() % bytes.size()); };
  switch (random() % 4) {
    case 0:
      bytes.resize(static_cast<size_t>(at()));
      break;
    case 1: {
      const ptrdiff_t begin = at();
      const ptrdiff_t end = std::min<ptrdiff_t>(begin + 64, static_cast<ptrdiff_t>(bytes.size()));
      const std::vector<uint8_t> part(bytes.begin() + begin, bytes.begin() + end);
      bytes.insert(bytes.begin() + at(), part.begin(), part.end());
      break;
    }
    default:
      for (uint32_t i = random() % 6 + 1; i > 0; --i)
        bytes[static_cast<size_t>(at())] = static_cast<uint8_t>(random());
  }
  return bytes;
}

TEST(DecodeImageMutationTest, EndsWithAnImageOrAStatus) {
  DecodeOptions options;
  options.max_pixels = 1 << 20;
  std::set<std::string> files;
  for (const std::vector<std::string>& row : ReadGoldenTable("decode.tsv")) files.insert(row[0]);
  std::mt19937 random(12345);
  int decoded = 0, refused = 0;
  for (const std::string& file : files) {
    const std::vector<uint8_t> bytes = ReadGolden("decode/" + file);
    for (int i = 0; i < kMutationsPerFile; ++i) {
      const std::vector<uint8_t> mutated = Mutate(bytes, random);
      const absl::StatusOr<ImageInfo> info = ReadImageInfo(mutated);
      const absl::StatusOr<Image> image = DecodeImage(mutated, options);
      if (!image.ok()) {
        ++refused;
        EXPECT_FALSE(image.status().message().empty());
        EXPECT_NE(image.status().code(), absl::StatusCode::kInternal)
            << file << ": " << image.status();
        continue;
      }
      ++decoded;
      ASSERT_TRUE(info.ok());
      EXPECT_EQ(image->rgb.size(),
                static_cast<size_t>(info->width) * static_cast<size_t>(info->height) * 3)
          << file;
    }
  }
  EXPECT_GT(decoded, 100);
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace snapvit
