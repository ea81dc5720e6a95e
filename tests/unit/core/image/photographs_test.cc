// Real photographs, which stay outside the project: $SNAPVIT_SHARED/images, or shared/ beside the
// checkout.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "core/base/file.h"
#include "core/image/decode.h"
#include "core/image/preprocess.h"
#include "tests/unit/core/image/test_images.h"

namespace snapvit {
namespace {

std::string ImagesFolder() {
  const char* shared = std::getenv("SNAPVIT_SHARED");
  return std::string(shared != nullptr ? shared : SNAPVIT_SOURCE_DIR "/../shared") + "/images/";
}

TEST(PhotographsTest, DecodeAndPreprocessEqualPillowAndTimm) {
  const std::string folder = ImagesFolder();
  if (!std::filesystem::is_directory(folder)) {
    GTEST_SKIP() << "no photographs in " << folder
                 << ": set SNAPVIT_SHARED to a folder with images/";
  }
  Preprocessing preprocessing;
  preprocessing.height = preprocessing.width = 224;
  preprocessing.resize_to = ImageSize{248, 248};  // 224 / 0.9
  for (const std::vector<std::string>& row : ReadGoldenTable("photographs.tsv")) {
    SCOPED_TRACE(row[0]);
    const absl::StatusOr<std::string> bytes =
        ReadFile(folder + row[0], /*max_bytes=*/size_t{1} << 26);
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    const absl::StatusOr<Image> image =
        DecodeImage({reinterpret_cast<const uint8_t*>(bytes->data()), bytes->size()}, {});
    ASSERT_TRUE(image.ok()) << image.status();
    EXPECT_EQ(image->width, std::stoi(row[1]));
    EXPECT_EQ(image->height, std::stoi(row[2]));
    EXPECT_EQ(Sha256Hex(image->rgb.data(), image->rgb.size()), row[3]);
    const Image cropped = ResizeAndCrop(*image, preprocessing);
    EXPECT_EQ(Sha256Hex(cropped.rgb.data(), cropped.rgb.size()), row[4]);
  }
}

}  // namespace
}  // namespace snapvit
