#include "core/snapvit/elastic_loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "core/base/status_macros.h"
#include "core/elastic/packed_model.h"
#include "core/kernels/bf16_speed.h"
#include "core/snapvit/dtype_choice.h"
#include "tests/testing/orderings.h"
#include "tests/testing/vit_configs.h"

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

  // Find, compute or complete, load: what the server and local verbs do.
  absl::StatusOr<std::shared_ptr<const ElasticModel>> Open(const ProgressFn& progress = nullptr) {
    ASSIGN_OR_RETURN(const std::unique_ptr<ElasticLoader> loader, ElasticLoader::Create(options_));
    ASSIGN_OR_RETURN(std::optional<Ordering> ordering, loader->FindOrdering(&ignored_));
    if (!ordering.has_value() || loader->NeedsCompletion(*ordering)) {
      ASSIGN_OR_RETURN(
          computed_, ordering ? loader->Complete(*ordering, progress) : loader->Compute(progress));
      ordering = computed_.ordering;
    }
    return loader->Load(std::move(ordering));
  }
  // Whether Open() has anything to compute.
  bool Computes() {
    bool computes = false;
    EXPECT_TRUE(Open([&computes](const ProgressUpdate&) {
                  computes = true;
                  return true;
                }).ok());
    return computes;
  }
  // An ordering file as `import-scores` writes it.
  std::string Import(uint64_t seed) const {
    const std::string path = folder_ + "/imported" + std::to_string(seed);
    EXPECT_TRUE(WriteOrdering(RandomOrdering(DemoVit(), seed), path).ok());
    return path;
  }

  static constexpr char kImages[] = SNAPVIT_SOURCE_DIR "/tests/testdata/images/decode";
  const std::string folder_ = ::testing::TempDir() + "loader_" +
                              ::testing::UnitTest::GetInstance()->current_test_info()->name();
  ElasticLoaderOptions options_;
  std::string ignored_;
  ComputedOrdering computed_;
};

TEST_F(ElasticLoaderTest, ComputesOnceThenReadsTheCache) {
  const auto loader = *ElasticLoader::Create(options_);
  EXPECT_FALSE((*loader->FindOrdering()).has_value());
  const auto first = *Open();
  EXPECT_EQ(first->name(), "demo");
  EXPECT_GT(first->ladder().size(), 20);
  EXPECT_TRUE(first->ladder().has_fidelity());
  EXPECT_FALSE(Computes());
  const auto second = *Open();
  EXPECT_EQ(second->ordering_id(), first->ordering_id());
  EXPECT_EQ(second->EmbeddingSpace("default", 192), first->EmbeddingSpace("default", 192));
}

TEST_F(ElasticLoaderTest, AnImportedOrderingIsCompletedOnceThenReadFromTheCache) {
  options_.ordering_file = Import(1);
  options_.calibration = kImages;
  const auto first = *Open();
  EXPECT_TRUE(first->ladder().has_fidelity());
  EXPECT_GT(first->correction_bytes(), 0U);
  EXPECT_EQ(first->ordering()->mlp_scores, RandomOrdering(DemoVit(), 1).mlp_scores);
  EXPECT_FALSE(std::filesystem::exists(options_.cache_dir + "/ordering.safetensors"));
  EXPECT_FALSE(Computes());
  EXPECT_EQ((*Open())->ordering_id(), first->ordering_id());
  // Another file, and the same one for another ladder, get their own.
  const std::string completed = computed_.path;
  options_.ladder.rungs = 4;
  EXPECT_TRUE(Computes());
  EXPECT_NE(computed_.path, completed);
  options_.ladder.rungs = LadderOptions().rungs;
  options_.ordering_file = Import(2);
  EXPECT_TRUE(Computes());
  EXPECT_NE(computed_.path, completed);
  options_.ordering_file = Import(1);
  EXPECT_FALSE(Computes());
}

TEST_F(ElasticLoaderTest, DrawnImagesMeasureAnImportedOrderingButDoNotCorrectIt) {
  options_.ordering_file = Import(1);
  const auto model = *Open();
  EXPECT_TRUE(model->ladder().has_fidelity());
  EXPECT_EQ(model->ladder().corrections(), CorrectionMode::kNone);
  EXPECT_EQ(model->ordering_id(), RandomOrdering(DemoVit(), 1).Id());
  EXPECT_FALSE(Computes());
}

TEST_F(ElasticLoaderTest, ADamagedCompletionIsComputedAgain) {
  options_.ordering_file = Import(1);
  ASSERT_TRUE(Open().ok());
  const std::string completed = computed_.path;
  std::ofstream(completed) << "nonsense";
  EXPECT_TRUE(Computes());
  EXPECT_THAT(ignored_, HasSubstr(completed));
  // So is one of other scores, whatever its name.
  Ordering other = *ReadOrdering(completed);
  other.mlp_scores[0] += 1;
  ASSERT_TRUE(WriteOrdering(other, completed).ok());
  EXPECT_TRUE(Computes());
}

TEST_F(ElasticLoaderTest, AnOrderingCanBeTakenAsItIs) {
  options_.ordering_file = Import(1);
  ASSERT_TRUE(Open().ok());
  options_.complete_orderings = false;
  EXPECT_FALSE(Computes());
  EXPECT_FALSE((*Open())->ladder().has_fidelity());
}

TEST_F(ElasticLoaderTest, DamagedCacheIsRecomputedButDamagedFileIsAnError) {
  std::filesystem::create_directories(options_.cache_dir);
  std::ofstream(options_.cache_dir + "/ordering.safetensors") << "nonsense";
  std::string ignored;
  const auto loader = *ElasticLoader::Create(options_);
  EXPECT_FALSE((*loader->FindOrdering(&ignored)).has_value());
  EXPECT_THAT(ignored, HasSubstr("ordering.safetensors"));
  EXPECT_TRUE(Open().ok());

  std::ofstream(folder_ + "/mine") << "nonsense";
  options_.ordering_file = folder_ + "/mine";
  const absl::Status status = Open().status();
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
  EXPECT_EQ(Open([](const ProgressUpdate&) { return false; }).status().code(),
            absl::StatusCode::kCancelled);
  EXPECT_FALSE(std::filesystem::exists(options_.cache_dir + "/ordering.safetensors"));
}

TEST_F(ElasticLoaderTest, AStoppedComputationResumesInTheCacheFolder) {
  EXPECT_FALSE(Open([](const ProgressUpdate& update) { return update.stage != "fidelity"; }).ok());
  const std::string partial = options_.cache_dir + "/ordering.partial";
  EXPECT_TRUE(std::filesystem::exists(partial));
  EXPECT_TRUE(Open([](const ProgressUpdate& update) { return update.stage != "statistics"; }).ok());
  EXPECT_FALSE(std::filesystem::exists(partial));
  EXPECT_FALSE(Computes());
}

// Best so far is served, and the next start goes on, though not every one.
TEST_F(ElasticLoaderTest, AComputationThatRanOutOfTimeGoesOnAtTheNextStart) {
  const std::string partial = options_.cache_dir + "/ordering.partial";
  const auto unlimited = [this] {
    ElasticLoaderOptions options = options_;
    options.order_time = absl::InfiniteDuration();
    return options;
  };
  options_.order_time = absl::Milliseconds(20);
  ASSERT_TRUE(Open().ok());
  EXPECT_TRUE(std::filesystem::exists(partial));
  {
    const auto loader = *ElasticLoader::Create(options_);
    const Ordering kept = **loader->FindOrdering();
    EXPECT_TRUE(loader->IsUnfinished(kept));
    EXPECT_TRUE(loader->NeedsCompletion(kept));
    EXPECT_TRUE((*ElasticLoader::Create(unlimited()))->IsUnfinished(kept));
    ElasticLoaderOptions explicitly = options_;
    explicitly.ordering_file = computed_.path;
    EXPECT_FALSE((*ElasticLoader::Create(explicitly))->IsUnfinished(kept));
    options_.complete_orderings = false;
    EXPECT_FALSE(Computes());
    options_.complete_orderings = true;
    ElasticLoaderOptions without_images = options_;
    without_images.calibration = "/nowhere";
    const auto served = (*ElasticLoader::Create(without_images))->Complete(kept, nullptr);
    ASSERT_TRUE(served.ok()) << served.status();
    EXPECT_EQ(served->ordering.Id(), kept.Id());
    EXPECT_THAT(served->cache_warning, HasSubstr("/nowhere"));
  }
  int starts = 0;
  while (Computes()) ASSERT_LE(++starts, 2);
  EXPECT_GE(starts, 1);
  EXPECT_TRUE(std::filesystem::exists(partial)) << "more time would make it better";

  options_ = unlimited();
  EXPECT_TRUE(Computes());
  EXPECT_FALSE(std::filesystem::exists(partial));
  EXPECT_FALSE(Computes());
  const std::string resumed = computed_.ordering.Id();
  std::filesystem::remove(computed_.path);
  EXPECT_TRUE(Computes());
  EXPECT_EQ(computed_.ordering.Id(), resumed) << "as if there had been time from the first";
}

// Two servers that share the folder: the slower one's time is up after the other was done.
TEST_F(ElasticLoaderTest, AComputationThatRanOutOfTimeKeepsWhatAnotherHasDoneMeanwhile) {
  ElasticLoaderOptions whole = options_;
  whole.cache_dir = folder_ + "/of_another";
  whole.order_time = absl::InfiniteDuration();
  const ComputedOrdering others = *(*ElasticLoader::Create(whole))->Compute(nullptr);
  options_.order_time = absl::Milliseconds(20);
  const auto put_others = [&](const ProgressUpdate&) {
    std::filesystem::copy_file(others.path, options_.cache_dir + "/ordering.safetensors",
                               std::filesystem::copy_options::overwrite_existing);
    return true;
  };
  const auto loader = *ElasticLoader::Create(options_);
  const absl::StatusOr<ComputedOrdering> computed = loader->Compute(put_others);
  ASSERT_TRUE(computed.ok()) << computed.status();
  EXPECT_EQ(computed->ordering.Id(), others.ordering.Id());
  EXPECT_EQ((*loader->FindOrdering())->Id(), others.ordering.Id());
  EXPECT_FALSE(loader->NeedsCompletion(computed->ordering));
}

TEST_F(ElasticLoaderTest, MissingModelIsNotFoundWithItsPath) {
  options_.model_dir = folder_ + "/nowhere";
  const absl::Status status = ElasticLoader::Create(options_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("nowhere"));
}

TEST_F(ElasticLoaderTest, AnOpenDtypeIsBfloat16WhereThatChangesEmbeddingsLittle) {
  options_.dtype = std::nullopt;
  if (Bfloat16SpeedUp() <= 1) {
    GTEST_SKIP() << "this processor has no kernels for bf16 that are faster than those for f32";
  }
  const auto model = Open();
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ((*model)->dtype(), ExecutionDtype::kBFloat16);
  std::string why;
  const auto loader = *ElasticLoader::Create(options_);
  ASSERT_TRUE(loader->Load(*loader->FindOrdering(), &why).ok());
  EXPECT_THAT(why, HasSubstr("least cosine of bf16: dense 0.99"));
}

TEST_F(ElasticLoaderTest, AnOpenDtypeIsFloat32WhereBfloat16WasFoundWanting) {
  options_.dtype = std::nullopt;
  ASSERT_TRUE(Open().ok());
  if (Bfloat16SpeedUp() <= 1) {
    GTEST_SKIP() << "this processor has no kernels for bf16 that are faster than those for f32";
  }
  int found = 0;
  for (const auto& entry : std::filesystem::directory_iterator(options_.cache_dir)) {
    if (!entry.path().filename().string().starts_with("bf16-")) continue;
    std::ofstream(entry.path()) << "least cosine of bf16: dense 0.999900 smallest 0.998000";
    ++found;
  }
  EXPECT_EQ(found, 1);
  EXPECT_EQ((*Open())->dtype(), ExecutionDtype::kFloat32);
}

// Another model in the same folder, or another ladder, has its own verdict.
TEST_F(ElasticLoaderTest, TheComparisonOfDtypesIsOfOneModelAndLadder) {
  if (Bfloat16SpeedUp() <= 1) {
    GTEST_SKIP() << "this processor has no kernels for bf16 that are faster than those for f32";
  }
  std::filesystem::copy(options_.model_dir, folder_ + "/model");
  options_.model_dir = folder_ + "/model";
  options_.dtype = std::nullopt;
  const auto comparisons = [this] {
    EXPECT_TRUE((*ElasticLoader::Create(options_))->Load(std::nullopt).ok());
    const std::filesystem::directory_iterator files(options_.cache_dir);
    return std::count_if(begin(files), end(files), [](const auto& file) {
      return file.path().filename().string().starts_with("bf16-");
    });
  };
  std::filesystem::create_directories(options_.cache_dir);
  EXPECT_EQ(comparisons(), 1);
  EXPECT_EQ(comparisons(), 1);
  options_.ladder.rungs = 5;
  EXPECT_EQ(comparisons(), 2);
  const std::string weights = options_.model_dir + "/model.safetensors";
  std::fstream file(weights, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(-4, std::ios::end);  // the last number of some tensor
  file.write("\0\0\0\x3f", 4);
  file.close();
  EXPECT_EQ(comparisons(), 3);
}

TEST_F(ElasticLoaderTest, Int8IsCloseToFloat32AndNeverChosen) {
  const auto config = (*ElasticLoader::Create(options_))->config();
  if (!PackedModel::Supports(config, at::kChar)) {
    options_.dtype = ExecutionDtype::kInt8;
    const absl::Status status = ElasticLoader::Create(options_).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(status.message()), HasSubstr("int8"));
    return;
  }
  options_.ordering_file = Import(1);
  const auto source = *OpenCalibration(kImages, 16, Preprocessing(), 1);
  const auto exact = *Open();
  options_.dtype = ExecutionDtype::kInt8;
  const auto int8 = *Open();
  EXPECT_EQ(int8->dtype(), ExecutionDtype::kInt8);
  EXPECT_THAT(std::string(int8->kernels()), ::testing::AnyOf(HasSubstr("INT8"), HasSubstr("VNNI")));
  EXPECT_LT(static_cast<double>(int8->weight_bytes()), 0.35 * exact->weight_bytes());
  const DtypeComparison comparison =
      Compare(*EmbeddingsToCompare(*int8, *source), *EmbeddingsToCompare(*exact, *source));
  EXPECT_GE(comparison.dense, 0.99);
  EXPECT_GE(comparison.smallest, 0.99);
  options_.dtype = std::nullopt;
  EXPECT_NE((*Open())->dtype(), ExecutionDtype::kInt8);
}

TEST_F(ElasticLoaderTest, ADamagedComparisonOfDtypesIsMadeAgain) {
  options_.dtype = std::nullopt;
  const auto first = *Open();
  for (const auto& entry : std::filesystem::directory_iterator(options_.cache_dir)) {
    if (entry.path().filename().string().starts_with("bf16-")) std::ofstream(entry.path()) << "x";
  }
  EXPECT_EQ((*Open())->dtype(), first->dtype());
}

}  // namespace
}  // namespace snapvit
