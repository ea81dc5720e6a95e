#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "client/cli/npy_rows.h"
#include "core/base/file.h"
#include "tests/testing/temporary_folder.h"

namespace snapvit::cli {
namespace {

std::string Header(const std::string& content) {
  return content.substr(10, static_cast<unsigned char>(content[8]));
}

// The values behind the header.
std::vector<float> Values(const std::string& content) {
  const std::string data = content.substr(10 + Header(content).size());
  std::vector<float> values(data.size() / sizeof(float));
  std::memcpy(values.data(), data.data(), data.size());
  return values;
}

TEST(NpyRows, IsANumpyFileOfFloats) {
  const TemporaryFolder folder;
  NpyRows rows;
  EXPECT_TRUE(rows.Add({3}, std::vector<float>{1, 2, 3}));
  EXPECT_TRUE(rows.Add({3}, std::vector<float>{4, 5, 6}));
  ASSERT_TRUE(rows.Write(folder.path() + "/a.npy").ok());
  const std::string content = *ReadFile(folder.path() + "/a.npy", 1000);
  EXPECT_EQ(content.substr(0, 8), std::string("\x93NUMPY\x01\x00", 8));
  EXPECT_EQ(content.size(), 64 * 2 + 6 * sizeof(float)) << "the data starts at a multiple of 64";
  EXPECT_EQ(Header(content).find("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"),
            0U);
  EXPECT_EQ(Header(content).back(), '\n');
  EXPECT_EQ(Values(content), (std::vector<float>{1, 2, 3, 4, 5, 6}));
}

TEST(NpyRows, MissingRowsAreNanWhereverTheyAre) {
  const TemporaryFolder folder;
  NpyRows rows;
  rows.AddMissing();
  EXPECT_TRUE(rows.Add({2}, std::vector<float>{1, 2}));
  rows.AddMissing();
  EXPECT_EQ(rows.shape(), (std::vector<int64_t>{3, 2}));
  ASSERT_TRUE(rows.Write(folder.path() + "/a.npy").ok());
  const std::vector<float> values = Values(*ReadFile(folder.path() + "/a.npy", 1000));
  ASSERT_EQ(values.size(), 6U);
  for (const size_t missing : {0, 1, 4, 5}) EXPECT_TRUE(std::isnan(values[missing]));
  EXPECT_EQ(values[2], 1);
  EXPECT_EQ(values[3], 2);
}

TEST(NpyRows, RefusesAnotherShape) {
  NpyRows rows;
  EXPECT_TRUE(rows.Add({2, 2}, std::vector<float>{1, 2, 3, 4}));
  EXPECT_FALSE(rows.Add({4}, std::vector<float>{1, 2, 3, 4}));
  EXPECT_EQ(rows.shape(), (std::vector<int64_t>{1, 2, 2}));
}

}  // namespace
}  // namespace snapvit::cli
