// From configuration to pixels: both readers of preprocessing against timm, transformers and
// torchvision (tests/golden/make_preprocessing_goldens.py).
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "core/image/preprocess.h"
#include "core/model/hf_preprocessor.h"
#include "core/model/timm_hub_file.h"
#include "tests/unit/core/image/test_images.h"

namespace snapvit {
namespace {

constexpr char kFolder[] = "preprocessing";

using Row = std::vector<std::string>;

absl::StatusOr<Preprocessing> FromTimm(const std::string& config_json) {
  const absl::StatusOr<TimmHubFile> file = ParseTimmHubFile(config_json, "config.json");
  if (!file.ok()) return file.status();
  return file->preprocessing.For(file->input_size->first, file->input_size->second);
}

absl::StatusOr<Preprocessing> FromHf(const std::string& text) {
  return ReadHfPreprocessor(text, "preprocessor_config.json", {});
}

std::string PresetText(const std::string& name) {
  const std::vector<uint8_t> bytes = ReadGolden("presets/" + name, kFolder);
  return {bytes.begin(), bytes.end()};
}

Image ImageOf(const Row& row) {
  return SyntheticImage(std::stoi(row[0]), std::stoi(row[1]),
                        static_cast<uint32_t>(std::stoul(row[2])));
}

std::vector<float> InputOf(const Image& image, const Preprocessing& preprocessing) {
  std::vector<float> out(size_t{3} * static_cast<size_t>(preprocessing.height) *
                         static_cast<size_t>(preprocessing.width));
  const absl::Status status = Preprocess(image, preprocessing, out);
  EXPECT_TRUE(status.ok()) << status;
  return out;
}

// The columns of timm.tsv, hf.tsv and presets.tsv.
void ExpectEqual(const Row& row, const absl::StatusOr<Preprocessing>& preprocessing) {
  SCOPED_TRACE(row[0] + "x" + row[1] + " " + row[3]);
  ASSERT_TRUE(preprocessing.ok()) << preprocessing.status();
  ASSERT_FALSE(preprocessing->float_resize);
  const Image image = ImageOf(row);
  const Image cut = ResizeAndCrop(image, *preprocessing);
  EXPECT_EQ(Sha256Hex(cut.rgb.data(), cut.rgb.size()), row[4]) << "bytes";
  const std::vector<float> floats = InputOf(image, *preprocessing);
  EXPECT_EQ(Sha256Hex(floats.data(), floats.size() * sizeof(float)), row[5]) << "floats";
}

TEST(PreprocessingGoldens, RandomTimmConfigurationsGiveTheBitsOfTimm) {
  const auto rows = ReadGoldenTable("timm.tsv", kFolder);
  ASSERT_GE(rows.size(), 300U);
  for (const Row& row : rows) {
    ExpectEqual(row, FromTimm(R"({"architecture": "x", "pretrained_cfg": )" + row[3] + "}"));
  }
}

TEST(PreprocessingGoldens, RandomHfConfigurationsGiveTheBitsOfTransformersOnPillow) {
  const auto rows = ReadGoldenTable("hf.tsv", kFolder);
  ASSERT_GE(rows.size(), 300U);
  for (const Row& row : rows) ExpectEqual(row, FromHf(row[3]));
}

TEST(PreprocessingGoldens, PresetsOfEachFamilyGiveTheBitsOfTimmAndTransformers) {
  const auto rows = ReadGoldenTable("presets.tsv", kFolder);
  ASSERT_GE(rows.size(), 200U);
  for (const Row& row : rows) {
    const std::string text = PresetText(row[3]);
    ExpectEqual(row, row[3].rfind("timm_", 0) == 0 ? FromTimm(text) : FromHf(text));
  }
}

// Floats that are scaled, not bytes: torchvision's weights are float32, so the last bits differ.
TEST(PreprocessingGoldens, Dinov3OfTransformersIsWithin1e5OfTorchvision) {
  const auto rows = ReadGoldenTable("float.tsv", kFolder);
  ASSERT_GE(rows.size(), 70U);
  const std::vector<uint8_t> bytes = ReadGolden("float.f32", kFolder);
  double largest = 0;
  for (const Row& row : rows) {
    SCOPED_TRACE(row[0] + "x" + row[1] + " " + row[3]);
    const auto preprocessing = FromHf(row[3][0] == '{' ? row[3] : PresetText(row[3]));
    ASSERT_TRUE(preprocessing.ok()) << preprocessing.status();
    ASSERT_TRUE(preprocessing->float_resize);
    ASSERT_EQ(preprocessing->height, std::stoi(row[4]));
    ASSERT_EQ(preprocessing->width, std::stoi(row[5]));
    const std::vector<float> got = InputOf(ImageOf(row), *preprocessing);
    const size_t step = std::stoul(row[6]);
    size_t at = std::stoul(row[7]) * sizeof(float);
    for (size_t i = 0; i < got.size(); i += step, at += sizeof(float)) {
      ASSERT_LE(at + sizeof(float), bytes.size());
      float expected = 0;
      std::memcpy(&expected, &bytes[at], sizeof(float));
      const double error = std::abs(static_cast<double>(got[i]) - expected);
      largest = std::max(largest, error);
      ASSERT_LE(error, 1e-5) << "at " << i;
    }
  }
  RecordProperty("largest_error", std::to_string(largest));
  std::cout << "largest error " << largest << "\n";
}

}  // namespace
}  // namespace snapvit
