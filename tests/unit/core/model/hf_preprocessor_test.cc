#include "core/model/hf_preprocessor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace snapvit {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

absl::StatusOr<Preprocessing> Read(const std::string& text, const HfPreprocessedModel& model = {}) {
  return ReadHfPreprocessor(text, "dir/preprocessor_config.json", model);
}

// The defaults are those of transformers' classes; the goldens compare them in use.
TEST(HfPreprocessor, AFileThatNamesNoProcessorHasThatOfItsModel) {
  const auto vit = Read(R"({"size": 384})", {"vit", {}});
  ASSERT_TRUE(vit.ok()) << vit.status();
  EXPECT_EQ(vit->resize, ResizeMode::kStretch);
  EXPECT_EQ(vit->width, 384);
  EXPECT_EQ(vit->interpolation, Interpolation::kBilinear);
  const auto clip = Read("{}", {"clip", {}});
  ASSERT_TRUE(clip.ok()) << clip.status();
  EXPECT_EQ(clip->resize, ResizeMode::kCover);
  EXPECT_EQ(clip->interpolation, Interpolation::kBicubic);
  EXPECT_EQ(clip->height, 224);
}

TEST(HfPreprocessor, ReadsThePartOfAProcessorConfig) {
  const auto read = Read(R"({"processor_class": "SiglipProcessor", "image_processor": {
      "image_processor_type": "SiglipImageProcessor", "size": {"height": 256, "width": 192}}})");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->height, 256);
  EXPECT_EQ(read->width, 192);
}

TEST(HfPreprocessor, WithoutScalingAndCuttingTheInputIsTheModels) {
  const auto read = Read(R"({"image_processor_type": "ViTImageProcessor", "do_resize": false})",
                         {"vit", {48, 32}});
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->resize, ResizeMode::kRequireInputSize);
  EXPECT_EQ(read->height, 48);
  EXPECT_EQ(read->width, 32);
}

TEST(HfPreprocessor, SwitchedOffStepsChangeNothing) {
  const auto read = Read(R"({"image_processor_type": "CLIPImageProcessor", "do_rescale": false,
                             "do_normalize": false})");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->rescale, 1.0);
  EXPECT_THAT(read->mean, ElementsAre(0.0F, 0.0F, 0.0F));
  EXPECT_THAT(read->std, ElementsAre(1.0F, 1.0F, 1.0F));
}

// One number means a square for ViT and the shorter edge for CLIP, unless the file says otherwise.
TEST(HfPreprocessor, OneNumberIsASquareOrTheShorterEdge) {
  EXPECT_EQ(Read(R"({"image_processor_type": "DeiTImageProcessor", "size": 300})")->resize,
            ResizeMode::kStretch);
  EXPECT_EQ(Read(R"({"image_processor_type": "CLIPImageProcessor", "size": 300})")->resize,
            ResizeMode::kCover);
  EXPECT_EQ(Read(R"({"image_processor_type": "CLIPImageProcessor", "size": 300,
                     "default_to_square": true})")
                ->resize,
            ResizeMode::kStretch);
}

TEST(HfPreprocessor, OnlyDinov3ScalesFloats) {
  EXPECT_TRUE(Read(R"({"image_processor_type": "DINOv3ViTImageProcessorFast"})")->float_resize);
  EXPECT_FALSE(Read(R"({"image_processor_type": "ViTImageProcessorFast"})")->float_resize);
}

struct BadFile {
  const char* name;
  const char* json;
  const char* message;  // part of it
};

std::ostream& operator<<(std::ostream& out, const BadFile& bad) { return out << bad.name; }

class BadHfPreprocessorTest : public ::testing::TestWithParam<BadFile> {};

TEST_P(BadHfPreprocessorTest, IsRefusedWithAReason) {
  const auto read = Read(GetParam().json);
  ASSERT_EQ(read.status().code(), absl::StatusCode::kInvalidArgument) << GetParam().json;
  EXPECT_THAT(std::string(read.status().message()), HasSubstr(GetParam().message));
  EXPECT_THAT(std::string(read.status().message()), HasSubstr("dir/preprocessor_config.json"));
}

const BadFile kBadFiles[] = {
    {"Malformed", "{", "is not valid JSON"},
    {"NotAnObject", "[]", "expected a JSON object"},
    {"NoProcessor", "{}",
     "\"image_processor_type\" is not given, expected one of ViTImageProcessor, "
     "DeiTImageProcessor"},
    {"AnotherProcessor", R"({"image_processor_type": "ConvNextImageProcessor"})",
     "\"image_processor_type\" is \"ConvNextImageProcessor\", expected one of ViTImageProcessor"},
    {"AnotherOldProcessor", R"({"feature_extractor_type": "BeitFeatureExtractor"})",
     "\"feature_extractor_type\" is \"BeitFeatureExtractor\", expected one of ViTImageProcessor"},
    {"NaFlex", R"({"image_processor_type": "Siglip2ImageProcessorFast", "max_num_patches": 256})",
     "take a SigLIP 2 model of fixed resolution, such as siglip2-base-patch16-224"},
    {"UnknownField", R"({"image_processor_type": "ViTImageProcessor", "crop_pct": 0.9})",
     "\"crop_pct\" is 0.9, which is not supported; supported are image_processor_type"},
    {"CustomCode", R"({"image_processor_type": "ViTImageProcessor", "auto_map": {"a": "b"}})",
     "\"auto_map\" is"},
    {"Padding", R"({"image_processor_type": "ViTImageProcessor", "do_pad": true})",
     "\"do_pad\" is true, expected false"},
    {"UnknownSize", R"({"image_processor_type": "ViTImageProcessor", "size": {"longest_edge": 9}})",
     R"("size" is {"longest_edge":9}, expected a number, {"height", "width"} or {"shortest_edge"})"},
    {"TwoRules",
     R"({"image_processor_type": "ViTImageProcessor", "size": {"shortest_edge": 9, "height": 9}})",
     R"("size" is {"height":9,"shortest_edge":9}, expected)"},
    {"SizeZero", R"({"image_processor_type": "ViTImageProcessor", "size": 0})",
     "\"size\" is 0, expected a number"},
    {"HugeSize", R"({"image_processor_type": "ViTImageProcessor", "size": 18446744073709551615})",
     "from 1 to 8192"},
    {"VaryingSize",
     R"({"image_processor_type": "CLIPImageProcessor", "size": 224, "do_center_crop": false})",
     "with the shorter edge alone every image has another size"},
    {"CropByShorterEdge",
     R"({"image_processor_type": "CLIPImageProcessor", "crop_size": {"shortest_edge": 224}})",
     R"("crop_size" is {"shortest_edge":224}, expected a number or {"height", "width"})"},
    {"CropWithoutSize", R"({"image_processor_type": "ViTImageProcessor", "do_center_crop": true})",
     "\"crop_size\" is not given, expected"},
    {"Resample", R"({"image_processor_type": "ViTImageProcessor", "resample": 6})",
     "\"resample\" is 6, expected an integer from 0 to 5"},
    {"Dinov3Lanczos", R"({"image_processor_type": "DINOv3ViTImageProcessor", "resample": 1})",
     "\"resample\" is 1, expected 2 (bilinear) or 3 (bicubic)"},
    {"Dinov3Bytes", R"({"image_processor_type": "DINOv3ViTImageProcessor", "do_rescale": false})",
     "\"do_rescale\" is false, expected true"},
    {"MeanOfTwo", R"({"image_processor_type": "ViTImageProcessor", "image_mean": [0.5, 0.5]})",
     "\"image_mean\" is [0.5,0.5], expected an array of 3 numbers"},
    {"StdZero", R"({"image_processor_type": "ViTImageProcessor", "image_std": [0, 1, 1]})",
     "\"image_std\" is [0,1,1], expected"},
    {"RescaleText", R"({"image_processor_type": "ViTImageProcessor", "rescale_factor": "1/255"})",
     "\"rescale_factor\" is \"1/255\", expected a number"},
};

INSTANTIATE_TEST_SUITE_P(All, BadHfPreprocessorTest, ::testing::ValuesIn(kBadFiles),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace snapvit
