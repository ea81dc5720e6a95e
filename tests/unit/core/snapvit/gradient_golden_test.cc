// Gradient scores against the published recipe, written out in PyTorch on a timm model
// (tests/golden/make_gradient_goldens.py), for the very same views.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "core/model/model_folder.h"
#include "core/model/torch_dtype.h"
#include "core/snapvit/gradient_scores.h"

namespace snapvit {
namespace {

constexpr char kFolder[] = SNAPVIT_SOURCE_DIR "/tests/testdata/models/gradient_scores";
constexpr double kTolerance = 1e-4;  // of each score, relative
constexpr int64_t kBatch = 4;        // images; as in the script, the last batch is smaller
constexpr int64_t kViews = 12;
constexpr int64_t kGlobalViews = 2;

class GradientGoldenTest : public ::testing::Test {
 protected:
  void SetUp() override {
    model_ = *LoadModelFolder(kFolder);
    goldens_ = *SafetensorsFile::Open(std::string(kFolder) + "/goldens.safetensors");
  }

  at::Tensor Golden(const std::string& name) const { return *TensorOfFile(goldens_, name); }

  // [images, views, 3, H, W] bytes, normalised as the model wants it.
  at::Tensor Normalised(const at::Tensor& views) const {
    const auto channels = [](const std::array<float, 3>& values) {
      return at::tensor(at::ArrayRef<float>(values.data(), 3)).view({3, 1, 1});
    };
    return (views.to(at::kFloat) / 255 - channels(model_.preprocessing.mean)) /
           channels(model_.preprocessing.std);
  }

  GradientScores Scores(const at::Tensor& views) const {
    GradientAccumulator gradients(*ToFloat32(model_.weights));
    for (const at::Tensor& batch : Normalised(views).split(kBatch)) {
      const absl::Status added = gradients.AddBatch(batch.flatten(0, 1), kViews, kGlobalViews,
                                                    1.0 / static_cast<double>(batch.size(0)));
      EXPECT_TRUE(added.ok()) << added;
    }
    return gradients.Scores();
  }

  void ExpectClose(const std::vector<float>& got, const std::string& name) const {
    const at::Tensor golden = Golden(name).contiguous();
    ASSERT_EQ(static_cast<int64_t>(got.size()), golden.numel()) << name;
    double largest = 0;
    for (size_t i = 0; i < got.size(); ++i) {
      const double expected = golden.data_ptr<float>()[i];
      largest = std::max(largest, std::abs(got[i] - expected) / expected);
    }
    RecordProperty("error_" + name, std::to_string(largest * 1e6) + "e-6");
    EXPECT_LE(largest, kTolerance) << name;
  }

  ModelFolder model_;
  std::shared_ptr<const SafetensorsFile> goldens_;
};

TEST_F(GradientGoldenTest, EveryScoreIsThatOfThePublishedRecipe) {
  const GradientScores scores = Scores(Golden("views"));
  EXPECT_EQ(scores.images, 6U);
  ExpectClose(scores.mlp, "mlp_scores");
  ExpectClose(scores.heads, "head_scores");
}

// The published code gives both global views one crop and all local views another one.
TEST_F(GradientGoldenTest, SoItIsWhenViewsRepeat) {
  const at::Tensor views = Golden("views");
  const GradientScores scores =
      Scores(at::cat({views.narrow(1, 0, 1).expand({-1, kGlobalViews, -1, -1, -1}),
                      views.narrow(1, 2, 1).expand({-1, kViews - kGlobalViews, -1, -1, -1})},
                     1));
  ExpectClose(scores.mlp, "collapsed.mlp_scores");
  ExpectClose(scores.heads, "collapsed.head_scores");
}

}  // namespace
}  // namespace snapvit
