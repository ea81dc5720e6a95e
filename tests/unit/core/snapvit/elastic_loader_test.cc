#include "core/snapvit/elastic_loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace snapvit {
namespace {

using ::testing::HasSubstr;

class ElasticLoaderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(folder_);
    options_.model_dir = std::string(SNAPVIT_SOURCE_DIR) + "/models/demo";
    options_.cache_dir = folder_ + "/cache";
    options_.calibration_images = 6;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  const std::string folder_ = ::testing::TempDir() + "loader_" +
                              ::testing::UnitTest::GetInstance()->current_test_info()->name();
  ElasticLoaderOptions options_;
};

TEST_F(ElasticLoaderTest, ComputesOnceThenReadsTheCache) {
  const auto loader = *ElasticLoader::Create(options_);
  EXPECT_FALSE((*loader->FindOrdering()).has_value());
  const auto first = *OpenElasticModel(options_, nullptr);
  EXPECT_EQ(first->name(), "demo");
  EXPECT_GT(first->ladder().size(), 20);
  EXPECT_TRUE(first->ladder().has_fidelity());
  bool computed = false;
  const auto second = *OpenElasticModel(options_, [&computed](const ProgressUpdate&) {
    computed = true;
    return true;
  });
  EXPECT_FALSE(computed);
  EXPECT_EQ(second->ordering_id(), first->ordering_id());
  EXPECT_EQ(second->EmbeddingSpace("default", 192), first->EmbeddingSpace("default", 192));
}

TEST_F(ElasticLoaderTest, DamagedCacheIsRecomputedButDamagedFileIsAnError) {
  std::filesystem::create_directories(options_.cache_dir);
  std::ofstream(options_.cache_dir + "/ordering.safetensors") << "nonsense";
  std::string ignored;
  const auto loader = *ElasticLoader::Create(options_);
  EXPECT_FALSE((*loader->FindOrdering(&ignored)).has_value());
  EXPECT_THAT(ignored, HasSubstr("ordering.safetensors"));
  EXPECT_TRUE(OpenElasticModel(options_, nullptr).ok());

  std::ofstream(folder_ + "/mine") << "nonsense";
  options_.ordering_file = folder_ + "/mine";
  const absl::Status status = OpenElasticModel(options_, nullptr).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("mine"));
}

TEST_F(ElasticLoaderTest, OrderingOfAnotherModelIsRefusedByNameAndIgnoredInTheCache) {
  const auto loader = *ElasticLoader::Create(options_);
  Ordering ordering = (*loader->Compute(nullptr)).ordering;
  ordering.model_fingerprint = "another";
  ASSERT_TRUE(WriteOrdering(ordering, options_.cache_dir + "/ordering.safetensors").ok());
  EXPECT_FALSE((*loader->FindOrdering()).has_value());
  options_.ordering_file = options_.cache_dir + "/ordering.safetensors";
  const auto explicit_loader = *ElasticLoader::Create(options_);
  EXPECT_EQ(explicit_loader->FindOrdering().status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(ElasticLoaderTest, CacheThatCannotBeWrittenIsAWarning) {
  std::ofstream(folder_ + "/file") << "in the way";
  options_.cache_dir = folder_ + "/file/below";
  const auto loader = *ElasticLoader::Create(options_);
  const ComputedOrdering computed = *loader->Compute(nullptr);
  EXPECT_THAT(computed.path, "");
  EXPECT_THAT(computed.cache_warning, HasSubstr("file/below"));
}

TEST_F(ElasticLoaderTest, StoppedComputationLeavesNoFile) {
  EXPECT_EQ(OpenElasticModel(options_, [](const ProgressUpdate&) { return false; }).status().code(),
            absl::StatusCode::kCancelled);
  EXPECT_FALSE(std::filesystem::exists(options_.cache_dir + "/ordering.safetensors"));
}

TEST_F(ElasticLoaderTest, MissingModelIsNotFoundWithItsPath) {
  options_.model_dir = folder_ + "/nowhere";
  const absl::Status status = ElasticLoader::Create(options_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("nowhere"));
}

}  // namespace
}  // namespace snapvit
