#include "core/elastic/ordering.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>

#include "tests/testing/orderings.h"
#include "tests/testing/vit_configs.h"

namespace snapvit {
namespace {

using ::testing::HasSubstr;

class OrderingFile : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string Path(const char* name) const { return folder_ + "/" + name; }
  static std::string Read(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  const std::string folder_ = ::testing::TempDir() + "ordering_" +
                              ::testing::UnitTest::GetInstance()->current_test_info()->name();
};

Ordering Full() {
  Ordering ordering = RandomOrdering(DemoVit(), 9);
  ordering.path = {{0, 700}, {6, 5}, {0, 650}};
  ordering.fidelity = {{0.3F, 1.0F}, {0.6F, 1.0F}, {0.01F, 0}, {0.7F, 1}, {0.5F, 1}};
  ordering.model_fingerprint = "abc";
  ordering.mlp_scores[3] = 1e-43F;  // published scores hold denormals
  Corrections& corrections = ordering.corrections;
  corrections.embed_dim = 192;
  corrections.head_dim = 32;
  corrections.mlp_means.assign(6 * 768, 0.5F);
  corrections.head_means.assign(6 * 6 * 32, -0.25F);
  const auto bits = [](size_t count) { return std::vector<uint16_t>(count, 0x3f80); };
  corrections.low_rank = {{0, 650, 2, bits(650 * 2), bits(2 * 192)},
                          {6, 5, 3, bits(5 * 32 * 3), bits(3 * 192)}};
  ordering.fidelity.corrections = CorrectionMode::kFull;
  return ordering;
}

TEST_F(OrderingFile, RoundTripsEverything) {
  const Ordering ordering = Full();
  ASSERT_TRUE(WriteOrdering(ordering, Path("o")).ok());
  const absl::StatusOr<Ordering> read = ReadOrdering(Path("o"));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->mlp_scores, ordering.mlp_scores);
  EXPECT_EQ(read->head_scores, ordering.head_scores);
  EXPECT_EQ(read->path, ordering.path);
  EXPECT_EQ(read->fidelity.fidelity, ordering.fidelity.fidelity);
  EXPECT_EQ(read->fidelity.agreement, ordering.fidelity.agreement);
  EXPECT_EQ(read->fidelity.overlap, ordering.fidelity.overlap);
  EXPECT_EQ(read->model_fingerprint, "abc");
  EXPECT_EQ(read->seed, ordering.seed);
  EXPECT_EQ(read->recipe, ordering.recipe);
  EXPECT_EQ(read->corrections.mlp_means, ordering.corrections.mlp_means);
  EXPECT_EQ(read->corrections.head_means, ordering.corrections.head_means);
  EXPECT_EQ(read->corrections.low_rank, ordering.corrections.low_rank);
  EXPECT_EQ(read->fidelity.corrections, CorrectionMode::kFull);
  EXPECT_EQ(read->Id(), ordering.Id());
}

// Whatever the index of corrections says: no value is read that the file does not have.
TEST_F(OrderingFile, CorrectionIndexThatDoesNotFitItsValuesIsAnError) {
  ASSERT_TRUE(WriteOrdering(Full(), Path("o")).ok());
  const std::string bytes = Read(Path("o"));
  const auto row = [](std::array<int32_t, 3> values) {
    return std::string(reinterpret_cast<const char*>(values.data()), sizeof(values));
  };
  const size_t place = bytes.find(row({0, 650, 2}));
  ASSERT_NE(place, std::string::npos);
  constexpr int32_t kMost = std::numeric_limits<int32_t>::max();
  for (const std::array<int32_t, 3> wrong :
       std::initializer_list<std::array<int32_t, 3>>{{0, 651, 2},
                                                     {0, 650, 3},
                                                     {0, 650, 0},
                                                     {0, 0, 2},
                                                     {0, -1, 2},
                                                     {0, 650, -1},
                                                     {-1, 650, 2},
                                                     {12, 650, 2},
                                                     {7, 650, 2},
                                                     {0, kMost, kMost},
                                                     {kMost, 650, 2}}) {
    std::string damaged = bytes;
    damaged.replace(place, 12, row(wrong));
    std::ofstream(Path("wrong"), std::ios::binary) << damaged;
    const absl::Status status = ReadOrdering(Path("wrong")).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument)
        << wrong[0] << " " << wrong[1] << " " << wrong[2] << ": " << status;
  }
}

TEST(ValidateOrdering, CorrectionsAreFiniteAndInOrder) {
  Ordering infinite = Full();
  infinite.corrections.low_rank[1].in[7] = 0x7f80;
  EXPECT_FALSE(ValidateOrdering(infinite).ok());
  Ordering mean = Full();
  mean.corrections.mlp_means[0] = std::nanf("");
  EXPECT_FALSE(ValidateOrdering(mean).ok());
  Ordering twice = Full();
  twice.corrections.low_rank[1] = twice.corrections.low_rank[0];
  EXPECT_FALSE(ValidateOrdering(twice).ok());
}

TEST(CheckOrderingFits, NamesTheWidthThatCorrectionsAreFor) {
  VitConfig wider = DemoVit();
  wider.embed_dim = 384;
  EXPECT_THAT(std::string(CheckOrderingFits(Full(), wider, "abc").message()), HasSubstr("192"));
}

TEST_F(OrderingFile, SameOrderingGivesTheSameBytes) {
  ASSERT_TRUE(WriteOrdering(Full(), Path("a")).ok());
  ASSERT_TRUE(WriteOrdering(Full(), Path("b")).ok());
  EXPECT_EQ(Read(Path("a")), Read(Path("b")));
}

TEST_F(OrderingFile, TruncatedAtAnyByteIsAnErrorThatNamesTheFile) {
  ASSERT_TRUE(WriteOrdering(Full(), Path("o")).ok());
  const std::string bytes = Read(Path("o"));
  for (size_t size = 0; size < bytes.size(); size += 1 + size / 7) {
    std::ofstream(Path("cut"), std::ios::binary) << bytes.substr(0, size);
    const absl::Status status = ReadOrdering(Path("cut")).status();
    EXPECT_FALSE(status.ok()) << size;
    EXPECT_THAT(std::string(status.message()), HasSubstr("cut"));
  }
}

TEST_F(OrderingFile, OtherSafetensorsFilesAreRefused) {
  const absl::Status status =
      ReadOrdering(std::string(SNAPVIT_SOURCE_DIR) + "/models/demo/model.safetensors").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
}

TEST(Ordering, IdFollowsWhatDecidesTheViewsOnly) {
  const Ordering ordering = Full();
  Ordering other = ordering;
  other.calibration_source = "elsewhere";
  other.fidelity = {};
  EXPECT_EQ(other.Id(), ordering.Id());
  other.head_scores[0] += 1;
  EXPECT_NE(other.Id(), ordering.Id());
  other = ordering;
  other.path.pop_back();
  EXPECT_NE(other.Id(), ordering.Id());
}

TEST(Ordering, ValidationNamesWhatIsWrong) {
  Ordering ordering = Full();
  ordering.mlp_scores[7] = std::nanf("");
  EXPECT_THAT(std::string(ValidateOrdering(ordering).message()),
              HasSubstr("mlp_scores value 7 is nan"));
  ordering = Full();
  ordering.path.push_back({0, 660});  // would grow again
  EXPECT_THAT(std::string(ValidateOrdering(ordering).message()),
              HasSubstr("path step 3 keeps 660"));
  ordering = Full();
  ordering.path.push_back({12, 1});
  EXPECT_THAT(std::string(ValidateOrdering(ordering).message()), HasSubstr("names structure 12"));
  ordering = Full();
  ordering.head_scores.pop_back();
  EXPECT_THAT(std::string(ValidateOrdering(ordering).message()),
              HasSubstr("head_scores has 35 values"));
}

TEST(Ordering, FitsOnlyItsModelUnlessImported) {
  Ordering ordering = Full();
  EXPECT_TRUE(CheckOrderingFits(ordering, DemoVit(), "abc").ok());
  EXPECT_EQ(CheckOrderingFits(ordering, DemoVit(), "xyz").code(),
            absl::StatusCode::kFailedPrecondition);
  ordering.model_fingerprint = std::string(kAnyModel);
  EXPECT_TRUE(CheckOrderingFits(ordering, DemoVit(), "xyz").ok());
  EXPECT_THAT(std::string(CheckOrderingFits(ordering, VitSmall16(), "xyz").message()),
              HasSubstr("the model has 12 of 1536"));
}

}  // namespace
}  // namespace snapvit
