#include "core/snapvit/calibration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "core/snapvit/synthetic_image.h"
#include "tests/testing/temporary_folder.h"

namespace snapvit {
namespace {

using ::testing::HasSubstr;

TEST(SyntheticImage, IsReproducibleAndEachDiffers) {
  std::set<std::string> seen;
  for (size_t i = 0; i < 30; ++i) {
    const Image image = DrawSyntheticImage(48, 64, 7, i);
    EXPECT_EQ(image.width, 64);
    EXPECT_EQ(image.height, 48);
    ASSERT_EQ(image.rgb.size(), 48U * 64 * 3);
    EXPECT_EQ(image.rgb, DrawSyntheticImage(48, 64, 7, i).rgb);
    seen.emplace(image.rgb.begin(), image.rgb.end());
    const auto [low, high] = std::minmax_element(image.rgb.begin(), image.rgb.end());
    EXPECT_GT(*high - *low, 10) << "image " << i << " is almost flat";
  }
  EXPECT_EQ(seen.size(), 30U);
  EXPECT_NE(DrawSyntheticImage(48, 64, 8, 0).rgb, DrawSyntheticImage(48, 64, 7, 0).rgb);
}

class FolderCalibrationTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"a.png", "deep/b.JPG", "deep/er/c.webp", "notes.txt"}) {
      temporary_.Write(name, "not an image");
    }
  }
  const TemporaryFolder temporary_;
  const std::string& folder_ = temporary_.path();
};

TEST_F(FolderCalibrationTest, FindsImagesBelowTheFolderInASeededOrder) {
  const auto source = *FolderCalibration(folder_, 1);
  EXPECT_EQ(source->size(), 3U);
  EXPECT_EQ(source->Describe(), folder_);
  const std::string first = std::string(source->Get(0).status().message());
  EXPECT_EQ(std::string((*FolderCalibration(folder_, 1))->Get(0).status().message()), first);
  EXPECT_THAT(first, HasSubstr(folder_));
}

TEST_F(FolderCalibrationTest, NothingToReadIsAnErrorThatNamesTheFolder) {
  for (const std::string& folder : {folder_ + "/deep/er/none", folder_ + "/notes.txt"}) {
    const absl::Status status = FolderCalibration(folder, 1).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
    EXPECT_THAT(std::string(status.message()), HasSubstr(folder));
  }
}

}  // namespace
}  // namespace snapvit
