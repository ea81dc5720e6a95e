#include "core/snapvit/preprocessed_images.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"

namespace snapvit {
namespace {

// Every third image cannot be read; the others are of one colour, their number.
class PatchySource final : public CalibrationSource {
 public:
  size_t size() const override { return 20; }
  absl::StatusOr<Image> Get(size_t index) const override {
    if (index % 3 == 1) return absl::DataLossError(absl::StrCat("image ", index));
    return Image{8, 8, std::vector<uint8_t>(3 * 8 * 8, static_cast<uint8_t>(10 * index))};
  }
  std::string Describe() const override { return "patchy"; }
};

Preprocessing Plain() {
  Preprocessing preprocessing;
  preprocessing.height = preprocessing.width = 4;
  return preprocessing;
}

class ThreadsTest : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override { at::set_num_threads(GetParam()); }
  void TearDown() override { at::set_num_threads(threads_); }

  const int threads_ = at::get_num_threads();
  const PatchySource source_;
};

TEST_P(ThreadsTest, ImagesThatCannotBeReadLeaveNoGap) {
  UnreadableImages unreadable;
  const at::Tensor pixels = PreprocessedImages(source_, Plain(), 3, 100, &unreadable);
  EXPECT_EQ(pixels.sizes(), (at::IntArrayRef{11, 3, 4, 4}));
  EXPECT_EQ(unreadable.count, 6U);
  EXPECT_EQ(unreadable.first.message(), "image 4");
  std::vector<float> numbers;
  for (int64_t i = 0; i < pixels.size(0); ++i) {
    numbers.push_back(std::round(pixels[i].mean().item<float>() * 25.5F));
  }
  EXPECT_EQ(numbers, (std::vector<float>{3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18}));
}

TEST_P(ThreadsTest, ViewsOfAnImageStayTogether) {
  UnreadableImages unreadable;
  const at::Tensor views = ImageInputs(
      source_, Plain(), 0, 4, /*views=*/2,
      [](const Image&, size_t index, std::span<float> out) -> absl::Status {
        if (index == 2) return absl::InternalError("image 2");
        std::fill_n(out.data(), 48, static_cast<float>(index));
        std::fill_n(out.data() + 48, 48, static_cast<float>(index) + 0.5F);
        return absl::OkStatus();
      },
      &unreadable);
  EXPECT_EQ(unreadable.count, 2U);
  EXPECT_EQ(unreadable.first.message(), "image 1");
  ASSERT_EQ(views.sizes(), (at::IntArrayRef{4, 3, 4, 4}));
  const at::Tensor expected = at::tensor({0.0F, 0.5F, 3.0F, 3.5F}).view({4, 1, 1, 1});
  EXPECT_TRUE(views.equal(expected.expand({4, 3, 4, 4})));
}

TEST(CheckReadable, ATenthOfTheImagesMayFail) {
  const UnreadableImages one = {1, absl::DataLossError("image 4")};
  EXPECT_TRUE(CheckReadable({}, 9).ok());
  EXPECT_TRUE(CheckReadable(one, 10).ok());
  const absl::Status failed = CheckReadable(one, 9);
  EXPECT_EQ(failed.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(failed.message(), "1 of 9 calibration images failed; the first: image 4");
  EXPECT_FALSE(CheckReadable(one, 1).ok());
}

TEST_P(ThreadsTest, BehindTheLastImageThereAreNone) {
  EXPECT_EQ(PreprocessedImages(source_, Plain(), 20, 3).size(0), 0);
  EXPECT_EQ(PreprocessedImages(source_, Plain(), 0, 0).size(0), 0);
}

INSTANTIATE_TEST_SUITE_P(Threads, ThreadsTest, ::testing::Values(1, 3));

}  // namespace
}  // namespace snapvit
