// Score files of the method's authors: what they say, and that hostile ones are errors.
#include "core/snapvit/published_scores.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <random>
#include <string>

#include "core/base/file.h"
#include "core/elastic/keep_rule.h"
#include "core/snapvit/pickle.h"

namespace snapvit {
namespace {

using ::testing::HasSubstr;

constexpr char kSynthetic[] = SNAPVIT_SOURCE_DIR "/tests/testdata/scores/synthetic.pt";
constexpr std::string_view kGlobals[] = {"collections OrderedDict"};

std::string Bytes() { return *ReadFile(kSynthetic, size_t{1} << 20); }

TEST(PublishedScores, AreReadAsTheyAre) {
  const auto ordering = ReadPublishedScores(kSynthetic);
  ASSERT_TRUE(ordering.ok()) << ordering.status();
  EXPECT_EQ(ordering->blocks, 3);
  EXPECT_EQ(ordering->hidden, 40);
  EXPECT_EQ(ordering->heads, 5);
  EXPECT_EQ(ordering->min_mlp_keep, 0.05);
  EXPECT_EQ(ordering->min_head_keep, 0.2);
  EXPECT_EQ(ordering->seed, 7U);
  EXPECT_EQ(ordering->model_fingerprint, kAnyModel);
  EXPECT_EQ(ordering->recipe, "published");
  for (int i = 0; i < 120; ++i) {
    EXPECT_EQ(ordering->mlp_scores[i], static_cast<float>((37 * i) % 120 + 1) / 1000) << i;
  }
  for (int i = 0; i < 15; ++i) {
    EXPECT_EQ(ordering->head_scores[i], static_cast<float>((7 * i) % 15 + 1) / 1000) << i;
  }
}

// With the two files that lie beside the checkout where there are any.
TEST(PublishedScores, KeepCountsAreTheAuthors) {
  const std::string folder = SNAPVIT_SOURCE_DIR "/../shared/scores";
  const auto text = ReadFile(folder + "/expected-keep-counts.json", size_t{1} << 20);
  if (!text.ok()) GTEST_SKIP() << "no published score files: " << text.status().message();
  const nlohmann::json expected = nlohmann::json::parse(*text);
  int compared = 0;
  for (const auto& [name, cases] : expected.items()) {
    const std::string file = folder + "/" + std::filesystem::path(name).filename().string();
    const auto ordering = ReadPublishedScores(file);
    ASSERT_TRUE(ordering.ok()) << ordering.status();
    const UnitRanking ranking(*ordering);
    for (const nlohmann::json& one : cases) {
      const auto keep = ranking.Keep(one["mlp"], one["heads"]);
      ASSERT_TRUE(keep.ok()) << keep.status();
      EXPECT_EQ(keep->channels, one["mlp_keep"].get<std::vector<int>>()) << name << one.dump();
      EXPECT_EQ(keep->heads, one["head_keep"].get<std::vector<int>>()) << name << one.dump();
      ++compared;
    }
  }
  EXPECT_GE(compared, 16);
}

TEST(PublishedScores, EveryTruncationIsAnError) {
  const std::string bytes = Bytes();
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(ParsePublishedScores(std::string_view(bytes).substr(0, size)).ok()) << size;
  }
}

TEST(PublishedScores, DamagedBytesNeverCrash) {
  const std::string bytes = Bytes();
  std::mt19937_64 random(1);
  for (int round = 0; round < 20'000; ++round) {
    std::string damaged = bytes;
    for (int i = 0; i < 1 + round % 3; ++i) {
      damaged[random() % damaged.size()] = static_cast<char>(random());
    }
    const auto ordering = ParsePublishedScores(damaged);
    // What is still accepted is whole.
    if (ordering.ok()) {
      EXPECT_TRUE(ValidateOrdering(*ordering).ok());
    }
  }
}

TEST(PublishedScores, OtherFilesAreNamed) {
  EXPECT_THAT(std::string(ReadPublishedScores(SNAPVIT_SOURCE_DIR "/README.md").status().message()),
              HasSubstr("README.md is not a readable ZIP archive"));
  EXPECT_EQ(ReadPublishedScores("/nonexistent.pt").status().code(), absl::StatusCode::kNotFound);
}

TEST(Pickle, NamesThatAreNotAllowedAreRefusedBeforeAnythingIsMade) {
  // What pickle.loads would run: os.system("echo").
  const auto attack = Pickle::Parse(
      "\x80\x02"
      "cos\nsystem\nX\x04\0\0\0echo\x85R.",
      kGlobals);
  EXPECT_EQ(attack.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(attack.status().message()), HasSubstr("not allowed"));
}

TEST(Pickle, DamagedOpcodesNeverCrash) {
  std::mt19937_64 random(2);
  const std::string_view opcodes = "(.NJKMGX])}aesut\x85\x86\x87qrhjcRQ\x88\x89";
  for (int round = 0; round < 100'000; ++round) {
    std::string bytes = "\x80\x02";
    for (int i = 0; i < 40; ++i) {
      bytes +=
          random() % 4 == 0 ? static_cast<char>(random() % 4) : opcodes[random() % opcodes.size()];
    }
    const auto parsed = Pickle::Parse(bytes + ".", kGlobals);
    if (parsed.ok()) parsed->root().Find("key");
  }
}

TEST(Pickle, ValuesThatHoldThemselvesAreHarmless) {
  const auto parsed = Pickle::Parse(
      "\x80\x02]q\x01h\x01"
      "a.",
      kGlobals);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->root().items[0], &parsed->root());
}

}  // namespace
}  // namespace snapvit
