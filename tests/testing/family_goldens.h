// The models of tests/golden/make_family_goldens.py, and what their own libraries compute from
// them.
#ifndef SNAPVIT_TESTS_TESTING_FAMILY_GOLDENS_H_
#define SNAPVIT_TESTS_TESTING_FAMILY_GOLDENS_H_

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/model/model_folder.h"
#include "core/model/torch_dtype.h"

namespace snapvit {

inline constexpr int kGoldenBudgets = 3;
// Of the largest error, relative to the standard deviation of the library's output (f32).
inline constexpr double kGoldenTolerance = 1e-4;

// Every folder there is: a new case is tested once it is committed.
inline std::vector<std::string> FamilyNames() {
  std::vector<std::string> names;
  for (const auto& entry :
       std::filesystem::directory_iterator(SNAPVIT_SOURCE_DIR "/tests/testdata/families")) {
    if (entry.is_directory()) names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

class FamilyGoldensTest : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    const std::string folder =
        absl::StrCat(SNAPVIT_SOURCE_DIR "/tests/testdata/families/", GetParam());
    absl::StatusOr<ModelFolder> model = LoadModelFolder(folder);
    ASSERT_TRUE(model.ok()) << model.status();
    model_ = *std::move(model);
    weights_ = *ToFloat32(model_.weights);
    auto goldens = SafetensorsFile::Open(folder + "/goldens.safetensors");
    ASSERT_TRUE(goldens.ok()) << goldens.status();
    goldens_ = *std::move(goldens);
  }

  at::Tensor Golden(const std::string& name) const { return *TensorOfFile(goldens_, name); }

  // Which channels or heads of a block a budget keeps, 0 or 1 each.
  at::Tensor Keep(int budget, const char* units, int block) const {
    return Golden(absl::StrCat("keep", budget, ".", units))[block];
  }

  // An output that the model does not have must not be among the goldens either.
  void ExpectOutput(const at::Tensor& got, const std::string& name) const {
    ASSERT_EQ(got.defined(), goldens_->Contains(name)) << name;
    if (!got.defined()) return;
    const at::Tensor expected = Golden(name);
    ASSERT_EQ(got.sizes(), expected.sizes()) << name;
    const double error = ((got - expected).abs().max() / expected.std()).item<double>();
    EXPECT_LE(error, kGoldenTolerance) << name;
  }

  ModelFolder model_;
  VitWeights weights_;  // in f32
  std::shared_ptr<const SafetensorsFile> goldens_;
};

}  // namespace snapvit

#endif  // SNAPVIT_TESTS_TESTING_FAMILY_GOLDENS_H_
