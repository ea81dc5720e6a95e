// Files that are damaged or made to do harm: each must give INVALID_ARGUMENT with a message that
// helps, and touch nothing outside its bytes (run under AddressSanitizer).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/model/safetensors.h"
#include "tests/testing/temporary_folder.h"

namespace snapvit {
namespace {

using ::testing::HasSubstr;

// A file with this header and so many bytes of data.
std::string FileOf(const std::string& header, size_t data_bytes) {
  const uint64_t length = header.size();
  std::string file(reinterpret_cast<const char*>(&length), sizeof(length));
  return file + header + std::string(data_bytes, '\x01');
}

// Parses from a heap block of exactly the file's size, so that the sanitizer sees every byte too
// far.
absl::StatusOr<SafetensorsIndex> Parse(const std::string& file) {
  const auto copy = std::make_unique<std::byte[]>(file.size());
  std::memcpy(copy.get(), file.data(), file.size());
  return ParseSafetensors({copy.get(), file.size()}, "dir/model.safetensors");
}

std::string ValidFile() {
  return FileOf(
      R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
      R"("b":{"dtype":"BF16","shape":[4],"data_offsets":[24,32]},)"
      R"("c":{"dtype":"U8","shape":[],"data_offsets":[32,33]}}   )",
      33);
}

TEST(HostileSafetensors, TheValidFileIsValid) {
  const auto index = Parse(ValidFile());
  ASSERT_TRUE(index.ok()) << index.status();
  EXPECT_EQ(index->tensors.size(), 3u);
}

TEST(HostileSafetensors, EveryTruncationIsRefused) {
  const std::string file = ValidFile();
  for (size_t size = 0; size < file.size(); ++size) {
    const auto index = Parse(file.substr(0, size));
    ASSERT_EQ(index.status().code(), absl::StatusCode::kInvalidArgument) << size;
    ASSERT_THAT(std::string(index.status().message()), HasSubstr("dir/model.safetensors")) << size;
  }
}

TEST(HostileSafetensors, TrailingBytesAreRefused) {
  EXPECT_THAT(std::string(Parse(ValidFile() + "x").status().message()),
              HasSubstr("the tensors cover 33 bytes of data, the file has 34"));
}

// Whatever one changed byte does, what is accepted stays inside the file.
TEST(HostileSafetensors, AnyChangedByteIsHarmless) {
  const std::string valid = ValidFile();
  for (size_t at = 0; at < valid.size() - 33; ++at) {
    for (int value = 0; value < 256; value += (at < 8 ? 1 : 3)) {
      std::string file = valid;
      file[at] = static_cast<char>(value);
      const auto index = Parse(file);
      if (!index.ok()) continue;
      for (const auto& item : index->tensors) {
        ASSERT_LE(item.second.begin, item.second.end);
        ASSERT_LE(item.second.end, file.size() - index->data_offset) << at << " " << value;
      }
    }
  }
}

TEST(HostileSafetensors, AHeaderLongerThanAnyFileIsRefused) {
  for (const uint64_t length :
       {uint64_t{100'000'001}, uint64_t{1} << 62, UINT64_MAX, UINT64_MAX - 7}) {
    std::string file = ValidFile();
    std::memcpy(file.data(), &length, sizeof(length));
    EXPECT_THAT(std::string(Parse(file).status().message()),
                HasSubstr(absl::StrCat("its header would be ", length, " bytes long")));
  }
}

TEST(HostileSafetensors, TextFilesAreNamedForWhatTheyAreNot) {
  EXPECT_THAT(std::string(Parse("version https://git-lfs.example/spec/v1\n").status().message()),
              HasSubstr("is not a safetensors file"));
}

TEST(HostileSafetensors, OpenRefusesWhatParseRefuses) {
  const TemporaryFolder folder;
  for (const std::string& content : {std::string(), ValidFile().substr(0, 100)}) {
    const auto file = SafetensorsFile::Open(folder.Write("x.safetensors", content));
    EXPECT_EQ(file.status().code(), absl::StatusCode::kInvalidArgument) << content.size();
  }
}

struct BadHeader {
  const char* name;
  const char* header;
  size_t data_bytes;
  const char* message;  // part of it
};

std::ostream& operator<<(std::ostream& out, const BadHeader& bad) { return out << bad.name; }

class BadHeaderTest : public ::testing::TestWithParam<BadHeader> {};

TEST_P(BadHeaderTest, IsRefusedWithAReason) {
  const auto index = Parse(FileOf(GetParam().header, GetParam().data_bytes));
  EXPECT_EQ(index.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(index.status().message()), HasSubstr(GetParam().message));
}

const BadHeader kBadHeaders[] = {
    {"NotJson", "{nope}", 0, "is not valid JSON at line 1, column 3"},
    {"Array", "[]", 0, "does not start with {"},
    {"Deep", R"({"a":[[[[[[1]]]]]]})", 0, "nested deeper than 4 levels"},
    {"DuplicateTensor",
     R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
     1, "the key \"a\" appears twice"},
    {"EntryIsNoObject", R"({"a":5})", 0, "tensor \"a\": expected an object"},
    {"FieldMissing", R"({"a":{"dtype":"U8","shape":[1]}})", 1,
     "exactly dtype, shape and data_offsets"},
    {"FieldTooMany", R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":1}})", 1,
     "exactly dtype, shape and data_offsets"},
    {"UnknownDtype", R"({"a":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}})", 1,
     "dtype is \\\"F8_E4M3\\\", expected one of BOOL, U8"},
    {"DtypeIsNoString", R"({"a":{"dtype":7,"shape":[1],"data_offsets":[0,1]}})", 1, "dtype is 7"},
    {"NegativeExtent", R"({"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}})", 1, "extent -1"},
    {"FractionalExtent", R"({"a":{"dtype":"U8","shape":[1.0],"data_offsets":[0,1]}})", 1,
     "extent 1.0"},
    {"HugeExtent", R"({"a":{"dtype":"U8","shape":[18446744073709551615],"data_offsets":[0,1]}})", 1,
     "expected integers from 0 to 2^63 - 1"},
    {"BeyondIntegers",
     R"({"a":{"dtype":"U8","shape":[99999999999999999999999],"data_offsets":[0,1]}})", 1,
     "the extent"},
    {"OverflowingShape",
     R"({"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}})", 0,
     "the size of shape [4611686018427387904, 4] overflows"},
    {"OverflowToZero",
     R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", 0,
     "overflows"},
    {"OverflowHiddenByZero",
     R"({"a":{"dtype":"F32","shape":[0,4611686018427387904,4],"data_offsets":[0,0]}})", 0,
     "overflows"},
    {"TooManyDimensions",
     R"({"a":{"dtype":"U8","shape":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1],"data_offsets":[0,1]}})", 1,
     "17 dimensions"},
    {"SizeIsNotShape", R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4,
     "tensor \"a\": holds 4 bytes, expected 8 for shape [2] of F32"},
    {"OffsetsReversed", R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[2,1]}})", 2, "[2, 1]"},
    {"OffsetsBeyondFile", R"({"a":{"dtype":"U8","shape":[9],"data_offsets":[0,9]}})", 8,
     "data_offsets [0, 9] do not lie in order within the file's 8 bytes of data"},
    {"OffsetsOverflow",
     R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,18446744073709551615]}})", 1,
     "do not lie in order"},
    {"OffsetsOfThree", R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,2]}})", 1,
     "data_offsets is not an array of two"},
    {"OffsetsNegative", R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[-1,0]}})", 1,
     "data_offsets is not an array of two"},
    {"Overlap",
     R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}})",
     6, "tensor \"b\": starts at byte 2 of the data, expected 4 (tensors overlap)"},
    {"Hole",
     R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[4,6]}})",
     6, "tensor \"b\": starts at byte 4 of the data, expected 2 (a hole)"},
    {"HoleAtTheStart", R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})", 3, "(a hole)"},
    {"DataLeftOver", R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", 3,
     "the tensors cover 2 bytes of data, the file has 3"},
    {"MetadataIsNoObject", R"({"__metadata__":[]})", 0, "__metadata__ is not an object"},
    {"MetadataIsNoString", R"({"__metadata__":{"a":1}})", 0, "__metadata__ key \"a\" is number"},
    {"ControlCharactersInName", "{\"a\\n\\u0001\":3}", 0, "tensor \"a\\n\\x01\""},
};

INSTANTIATE_TEST_SUITE_P(HostileSafetensors, BadHeaderTest, ::testing::ValuesIn(kBadHeaders),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace snapvit
