#include "core/model/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/file.h"
#include "tests/testing/temporary_folder.h"

namespace snapvit {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

template <typename T>
TensorView ViewOf(TensorDtype dtype, TensorShape shape, const std::vector<T>& values) {
  return {dtype, std::move(shape), std::as_bytes(std::span(values))};
}

class SafetensorsTest : public ::testing::Test {
 protected:
  std::map<std::string, TensorView> Tensors() const {
    return {{"flags", ViewOf(TensorDtype::kBool, {3}, flags_)},
            {"weight", ViewOf(TensorDtype::kF32, {2, 3}, weights_)},
            {"half", ViewOf(TensorDtype::kBF16, {1, 3}, halves_)},
            {"empty", {TensorDtype::kI64, {0, 4}, {}}},
            {"scalar", ViewOf(TensorDtype::kF64, {}, scalar_)}};
  }

  const std::vector<uint8_t> flags_ = {1, 0, 1};
  const std::vector<float> weights_ = {1, 2, 3, 4, 5, 6};
  const std::vector<uint16_t> halves_ = {0x3f80, 0x4000, 0x4040};
  const std::vector<double> scalar_ = {0.5};
  const TemporaryFolder folder_;
  const std::string path_ = folder_.path() + "/x.safetensors";
};

TEST_F(SafetensorsTest, ReadsBackWhatWasWritten) {
  ASSERT_TRUE(WriteSafetensors(path_, Tensors(), {{"format", "pt"}, {"note", "ä\"\n"}}).ok());
  const auto file = SafetensorsFile::Open(path_);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_THAT((*file)->Names(), ElementsAre("empty", "flags", "half", "scalar", "weight"));
  EXPECT_EQ((*file)->metadata().at("format"), "pt");
  EXPECT_EQ((*file)->metadata().at("note"), "ä\"\n");
  for (const auto& [name, expected] : Tensors()) {
    const auto tensor = (*file)->Tensor(name);
    ASSERT_TRUE(tensor.ok()) << tensor.status();
    EXPECT_EQ(tensor->dtype, expected.dtype) << name;
    EXPECT_EQ(tensor->shape, expected.shape) << name;
    ASSERT_EQ(tensor->bytes.size(), expected.bytes.size()) << name;
    if (expected.bytes.empty()) continue;
    EXPECT_EQ(std::memcmp(tensor->bytes.data(), expected.bytes.data(), expected.bytes.size()), 0);
  }
}

TEST_F(SafetensorsTest, WritesEveryTensorAligned) {
  ASSERT_TRUE(WriteSafetensors(path_, Tensors(), {{"odd", "length"}}).ok());
  const auto file = SafetensorsFile::Open(path_);
  ASSERT_TRUE(file.ok()) << file.status();
  for (const std::string& name : (*file)->Names()) {
    const TensorView tensor = *(*file)->Tensor(name);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(tensor.bytes.data()) % DtypeSize(tensor.dtype), 0u)
        << name;
  }
}

TEST_F(SafetensorsTest, SameTensorsGiveTheSameBytes) {
  const auto once = SerializeSafetensors(Tensors(), {{"b", "2"}, {"a", "1"}});
  const auto again = SerializeSafetensors(Tensors(), {{"a", "1"}, {"b", "2"}});
  ASSERT_TRUE(once.ok()) << once.status();
  EXPECT_EQ(*once, *again);
}

TEST_F(SafetensorsTest, AFileWithoutTensorsIsValid) {
  ASSERT_TRUE(WriteSafetensors(path_, {}).ok());
  const auto file = SafetensorsFile::Open(path_);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_TRUE((*file)->Names().empty());
}

TEST_F(SafetensorsTest, ViewsSurviveTheFileBeingReplaced) {
  ASSERT_TRUE(WriteSafetensors(path_, Tensors()).ok());
  const auto file = *SafetensorsFile::Open(path_);
  const TensorView weight = *file->Tensor("weight");
  ASSERT_TRUE(WriteSafetensors(path_, {}).ok());
  EXPECT_EQ(std::memcmp(weight.bytes.data(), weights_.data(), weight.bytes.size()), 0);
}

TEST_F(SafetensorsTest, NamesWhatIsMissing) {
  const auto absent = SafetensorsFile::Open(path_);
  EXPECT_EQ(absent.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(absent.status().message()), HasSubstr(path_));
  ASSERT_TRUE(WriteSafetensors(path_, Tensors()).ok());
  const auto tensor = (*SafetensorsFile::Open(path_))->Tensor("bias");
  EXPECT_EQ(tensor.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(tensor.status().message()), HasSubstr("\"bias\""));
}

TEST_F(SafetensorsTest, RefusesAFolder) {
  EXPECT_EQ(SafetensorsFile::Open(folder_.path()).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(SafetensorsTest, RefusesToWriteWhatItCouldNotRead) {
  const auto fails = [](const std::string& name, TensorView tensor) {
    return SerializeSafetensors({{name, std::move(tensor)}}, {}).status().code() ==
           absl::StatusCode::kInvalidArgument;
  };
  EXPECT_TRUE(fails("short", ViewOf(TensorDtype::kF32, {7}, weights_)));
  EXPECT_TRUE(fails("negative", ViewOf(TensorDtype::kF32, {-2, -3}, weights_)));
  EXPECT_TRUE(fails("__metadata__", ViewOf(TensorDtype::kF32, {2, 3}, weights_)));
  EXPECT_TRUE(fails("not \xff UTF-8", ViewOf(TensorDtype::kF32, {2, 3}, weights_)));
}

TEST_F(SafetensorsTest, LeavesNothingBehindWhenItCannotWrite) {
  const std::string absent = folder_.path() + "/absent/x.safetensors";
  EXPECT_FALSE(WriteSafetensors(absent, Tensors()).ok());
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
}

}  // namespace
}  // namespace snapvit
