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
using ::testing::UnorderedElementsAre;

TEST(SyntheticImage, IsReproducibleAndEachDiffers) {
  std::set<std::string> seen;
  for (size_t i = 0; i < 30; ++i) {
    const Image image = DrawSyntheticImage(SyntheticKind::kMix, 48, 64, 7, i);
    EXPECT_EQ(image.width, 64);
    EXPECT_EQ(image.height, 48);
    ASSERT_EQ(image.rgb.size(), 48U * 64 * 3);
    EXPECT_EQ(image.rgb, DrawSyntheticImage(SyntheticKind::kMix, 48, 64, 7, i).rgb);
    seen.emplace(image.rgb.begin(), image.rgb.end());
    const auto [low, high] = std::minmax_element(image.rgb.begin(), image.rgb.end());
    EXPECT_GT(*high - *low, 10) << "image " << i << " is almost flat";
  }
  EXPECT_EQ(seen.size(), 30U);
  EXPECT_NE(DrawSyntheticImage(SyntheticKind::kMix, 48, 64, 8, 0).rgb,
            DrawSyntheticImage(SyntheticKind::kMix, 48, 64, 7, 0).rgb);
}

TEST(SyntheticImage, KindsAreNamedAndTheMixTakesThemInTurn) {
  const char* const names[] = {"synthetic:leaves", "synthetic:noise", "synthetic:shapes"};
  for (size_t i = 0; i < 3; ++i) {
    const SyntheticKind kind = *ParseSyntheticKind(names[i]);
    EXPECT_EQ(SyntheticName(kind), names[i]);
    EXPECT_EQ(DrawSyntheticImage(kind, 32, 32, 7, i).rgb,
              DrawSyntheticImage(SyntheticKind::kMix, 32, 32, 7, i).rgb);
    EXPECT_NE(DrawSyntheticImage(kind, 32, 32, 7, i).rgb,
              DrawSyntheticImage(*ParseSyntheticKind(names[(i + 1) % 3]), 32, 32, 7, i).rgb);
  }
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

// A list, in `folder`, of images that are there.
TEST(SplitCalibration, PartsFitTheSourceAndNoneIsEmpty) {
  for (const size_t available : {12, 13, 16, 23, 40, 700, 745, 746, 5000}) {
    for (const size_t statistics : {2, 8, 512}) {
      const CalibrationSplit split = SplitCalibration(available, statistics);
      EXPECT_LE(split.total(), available);
      EXPECT_LE(split.statistics, statistics);
      EXPECT_GE(split.statistics, 2U) << available;
      EXPECT_GE(split.path, 2U) << available;
      EXPECT_GE(split.held_out, 4U) << available;
    }
  }
  EXPECT_EQ(SplitCalibration(kFewestCalibrationImages, 512).statistics, 6U);
  EXPECT_EQ(CalibrationImagesFor(2), kFewestCalibrationImages);
  EXPECT_EQ(CalibrationImagesFor(512), 512U + 64 + 170);
  EXPECT_EQ(SplitCalibration(746, 512).statistics, 512U);
  EXPECT_LT(SplitCalibration(745, 512).statistics, 512U);
}

class ListCalibrationTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<CalibrationSource>> Open(const std::string& content) {
    return ListCalibration(folder_.Write("lists/some.txt", content), 1);
  }

  // "name: why" for each listed file: they are no images.
  static std::set<std::string> Errors(const CalibrationSource& source) {
    std::set<std::string> errors;
    for (size_t i = 0; i < source.size(); ++i) {
      errors.emplace(source.Get(i).status().message());
    }
    return errors;
  }

  const TemporaryFolder folder_;
  const std::string beside_ = folder_.Write("lists/a b.png", "no image");
  const std::string above_ = folder_.Write("c.jpg", "no image");
  const std::string absolute_ = folder_.Write("d.webp", "no image");
};

TEST_F(ListCalibrationTest, PathsAreRelativeToTheListAndCommentsAreSkipped) {
  const auto source = *Open("# ours\n\na b.png\r\n  ../c.jpg\n#../gone.png\n" + absolute_);
  EXPECT_EQ(source->Describe(), folder_.path() + "/lists/some.txt");
  EXPECT_THAT(Errors(*source),
              UnorderedElementsAre(HasSubstr("a b.png"), HasSubstr("c.jpg"), HasSubstr("d.webp")));
}

TEST_F(ListCalibrationTest, AMissingFileIsAnErrorWithItsLine) {
  const absl::Status status = Open("a b.png\n\ngone.png\n").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("some.txt line 3"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("gone.png"));
  EXPECT_EQ(Open("# nothing\n").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(ListCalibrationTest, OneNameOpensEverySource) {
  Preprocessing preprocessing;
  preprocessing.height = 16;
  preprocessing.width = 24;
  const auto open = [&](const std::string& name) {
    return OpenCalibration(name, 5, preprocessing, 1);
  };
  const auto drawn = *open("synthetic:noise");
  EXPECT_EQ(drawn->size(), 5U);
  EXPECT_EQ(drawn->Describe(), "synthetic:noise");
  EXPECT_EQ(drawn->Get(0)->width, 48) << "twice the input, so that crops see detail";
  EXPECT_EQ((*open("synthetic"))->Describe(), "synthetic");
  EXPECT_EQ((*open(folder_.path()))->size(), 3U);
  EXPECT_EQ((*open(folder_.Write("list", "c.jpg")))->size(), 1U);
}

TEST_F(ListCalibrationTest, UnknownNamesListWhatThereIs) {
  for (const char* name : {"synthetic:clouds", "no/such/folder"}) {
    const absl::Status status = OpenCalibration(name, 5, Preprocessing(), 1).status();
    EXPECT_FALSE(status.ok()) << name;
    EXPECT_THAT(std::string(status.message()), HasSubstr(name));
    EXPECT_THAT(std::string(status.message()), HasSubstr("synthetic:leaves"));
  }
}

}  // namespace
}  // namespace snapvit
