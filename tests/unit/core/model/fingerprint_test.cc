#include "core/model/fingerprint.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <time.h>

#include <filesystem>
#include <string>

#include "core/model/file_hash.h"
#include "tests/testing/temporary_folder.h"

namespace snapvit {
namespace {

namespace fs = std::filesystem;

class FingerprintTest : public ::testing::Test {
 protected:
  FingerprintTest() {
    folder_.Write("model/config.json", "{}");
    folder_.Write("model/model.safetensors", "weights");
    Settle();
  }

  // Sets the files' time back to where the cache trusts it.
  void Settle() {
    for (const char* name : {"/config.json", "/model.safetensors"}) {
      const timespec times[2] = {{1'700'000'000, 5}, {1'700'000'000, 5}};
      ASSERT_EQ(utimensat(AT_FDCWD, (model_ + name).c_str(), times, 0), 0);
    }
  }

  int CacheEntries() const {
    if (!fs::exists(cache_ + "/hashes")) return 0;
    int entries = 0;
    for (const auto& entry : fs::directory_iterator(cache_ + "/hashes"))
      entries += entry.is_regular_file();
    return entries;
  }

  const TemporaryFolder folder_;
  const std::string model_ = folder_.path() + "/model";
  const std::string cache_ = folder_.path() + "/cache";
  const std::string weights_ = model_ + "/model.safetensors";
};

TEST_F(FingerprintTest, DependsOnConfigAndWeightsAlone) {
  const ModelHashes before = *HashModelFolder(model_, "");
  EXPECT_EQ(before.fingerprint.size(), 64u);
  fs::rename(model_, folder_.path() + "/moved");
  EXPECT_EQ(HashModelFolder(folder_.path() + "/moved", "")->fingerprint, before.fingerprint);
  fs::rename(folder_.path() + "/moved", model_);

  folder_.Write("model/README.md", "a card");
  EXPECT_EQ(*ModelFingerprint(model_, ""), before.fingerprint);

  folder_.Write("model/config.json", "{ }");
  const ModelHashes other_config = *HashModelFolder(model_, "");
  EXPECT_NE(other_config.fingerprint, before.fingerprint);
  EXPECT_EQ(other_config.weights, before.weights);

  folder_.Write("model/model.safetensors", "weightS");
  const ModelHashes other_weights = *HashModelFolder(model_, "");
  EXPECT_NE(other_weights.fingerprint, other_config.fingerprint);
  EXPECT_NE(other_weights.weights, before.weights);
}

TEST_F(FingerprintTest, IsTheSha256OfTheFile) {
  EXPECT_EQ(*CachedFileHash(folder_.Write("abc", "abc"), ""),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

// The proof that the cache is used: a change that leaves size, time and inode as they were goes
// unseen.
TEST_F(FingerprintTest, RemembersHashesBySizeTimeAndInode) {
  const std::string before = *ModelFingerprint(model_, cache_);
  EXPECT_EQ(CacheEntries(), 2);
  folder_.Write("model/model.safetensors", "WEIGHTS");
  Settle();
  EXPECT_EQ(*ModelFingerprint(model_, cache_), before);
  EXPECT_NE(*ModelFingerprint(model_, ""), before);
}

TEST_F(FingerprintTest, SeesAnotherTimeSizeOrInode) {
  const std::string before = *ModelFingerprint(model_, cache_);
  folder_.Write("model/model.safetensors", "WEIGHTS");  // another time
  const std::string changed = *ModelFingerprint(model_, cache_);
  EXPECT_NE(changed, before);

  folder_.Write("model/model.safetensors", "longer weights");
  Settle();
  EXPECT_NE(*ModelFingerprint(model_, cache_), before);

  fs::rename(folder_.Write("new", "WEIGHTS"), weights_);
  Settle();
  EXPECT_EQ(*ModelFingerprint(model_, cache_), changed);
}

TEST_F(FingerprintTest, DoesNotRememberFilesThatMayStillBeWritten) {
  folder_.Write("model/model.safetensors", "fresh");
  ASSERT_TRUE(ModelFingerprint(model_, cache_).ok());
  EXPECT_EQ(CacheEntries(), 1);  // config.json
}

TEST_F(FingerprintTest, ACacheThatCannotBeUsedCostsNothingButTime) {
  const std::string expected = *ModelFingerprint(model_, "");
  const std::string file = folder_.Write("file", "");
  EXPECT_EQ(*ModelFingerprint(model_, file + "/below"), expected);
  ASSERT_EQ(*ModelFingerprint(model_, cache_), expected);
  for (const char* garbage : {"", "{", "[]", "{\"sha256\": 5}", "\xff\xfe"}) {
    for (const auto& entry : fs::directory_iterator(cache_ + "/hashes")) {
      folder_.Write("cache/hashes/" + entry.path().filename().string(), garbage);
    }
    EXPECT_EQ(*ModelFingerprint(model_, cache_), expected) << garbage;
  }
}

TEST_F(FingerprintTest, CoversEveryShardAndThePreprocessor) {
  fs::remove(weights_);
  folder_.Write("model/model.safetensors.index.json",
                R"({"weight_map": {"a": "one", "b": "two"}})");
  folder_.Write("model/one", "1");
  folder_.Write("model/two", "2");
  const ModelHashes before = *HashModelFolder(model_, "");
  folder_.Write("model/two", "3");
  const ModelHashes other_shard = *HashModelFolder(model_, "");
  EXPECT_NE(other_shard.weights, before.weights);
  EXPECT_NE(other_shard.fingerprint, before.fingerprint);
  folder_.Write("model/preprocessor_config.json", "{}");
  const ModelHashes prepared = *HashModelFolder(model_, "");
  EXPECT_EQ(prepared.weights, other_shard.weights);
  EXPECT_NE(prepared.fingerprint, other_shard.fingerprint);
}

TEST_F(FingerprintTest, NamesAMissingFile) {
  fs::remove(weights_);
  EXPECT_EQ(HashModelFolder(model_, cache_).status().code(), absl::StatusCode::kNotFound);
}

TEST(EmbeddingSpaceId, ChangesWithWhateverMovesVectors) {
  Preprocessing preprocessing;
  preprocessing.height = preprocessing.width = 224;
  const std::string id = EmbeddingSpaceId("hash", preprocessing, "cls", 768);
  EXPECT_EQ(id, EmbeddingSpaceId("hash", preprocessing, "cls", 768));
  EXPECT_NE(id, EmbeddingSpaceId("other", preprocessing, "cls", 768));
  EXPECT_NE(id, EmbeddingSpaceId("hash", preprocessing, "mean", 768));
  EXPECT_NE(id, EmbeddingSpaceId("hash", preprocessing, "cls", 256));
  const auto changed = [&](auto change) {
    Preprocessing other = preprocessing;
    change(other);
    return EmbeddingSpaceId("hash", other, "cls", 768) != id;
  };
  EXPECT_TRUE(changed([](Preprocessing& p) { p.height = 225; }));
  EXPECT_TRUE(changed([](Preprocessing& p) { p.interpolation = Interpolation::kLanczos; }));
  EXPECT_TRUE(changed([](Preprocessing& p) { p.resize = ResizeMode::kFit; }));
  EXPECT_TRUE(changed([](Preprocessing& p) { p.resize_to = ImageSize{248, 248}; }));
  EXPECT_FALSE(changed([](Preprocessing& p) { p.resize_to = ImageSize{224, 224}; }));
  EXPECT_TRUE(changed([](Preprocessing& p) { p.float_resize = true; }));
  EXPECT_TRUE(changed([](Preprocessing& p) { p.centering = Centering::kTransformersPil; }));
  EXPECT_TRUE(changed([](Preprocessing& p) { p.fill = {0, 1, 0}; }));
  EXPECT_TRUE(changed([](Preprocessing& p) { p.rescale = 1; }));
  EXPECT_TRUE(changed([](Preprocessing& p) { p.mean[1] = 0.1F; }));
  EXPECT_TRUE(changed([](Preprocessing& p) { p.std[2] = 0.1F; }));
}

}  // namespace
}  // namespace snapvit
