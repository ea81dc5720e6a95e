#include "server/tenant_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "tests/testing/fake_clock.h"
#include "tests/testing/temporary_folder.h"

namespace snapvit {
namespace {

using ::testing::HasSubstr;

std::string Hash(char digit) { return std::string(64, digit); }

// A file of one tenant a digit, named and keyed by it.
std::string FileOf(const std::string& digits, const std::string& setting = "weight: 1") {
  std::string text = "tenants:\n";
  for (const char digit : digits) {
    text += std::string("  t") + digit + ":\n    keys: sha256:" + Hash(digit) + "\n    " + setting +
            "\n";
  }
  return text;
}

class TenantDirectoryTest : public ::testing::Test {
 protected:
  void Open(const std::string& content) {
    TenantDirectory::Options options;
    options.path = folder_.Write("tenants.yaml", content);
    options.clock = &clock_;
    auto directory = TenantDirectory::Create(options);
    ASSERT_TRUE(directory.ok()) << directory.status();
    directory_ = *std::move(directory);
    directory_->SetOnReload([this](const absl::Status& status) { outcomes_.push_back(status); });
  }

  // Null if nobody has the key.
  TenantPtr Find(char digit) const { return directory_->table()->FindByKeyHash(Hash(digit)); }

  FakeClock clock_;
  TemporaryFolder folder_;
  std::unique_ptr<TenantDirectory> directory_;
  std::vector<absl::Status> outcomes_;
};

TEST_F(TenantDirectoryTest, WithoutAFileEverybodyIsOneTenantWithoutLimits) {
  const auto directory = TenantDirectory::Create({});
  ASSERT_TRUE(directory.ok());
  const auto table = (*directory)->table();
  EXPECT_TRUE(table->open());
  ASSERT_EQ(table->tenants().size(), 1U);
  EXPECT_EQ(table->tenants().front()->policy.name, "default");
  EXPECT_EQ((*directory)->Reload().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(TenantDirectoryTest, AFileThatIsBrokenAtTheStartIsAnError) {
  TenantDirectory::Options options;
  options.path = folder_.path() + "/absent.yaml";
  EXPECT_THAT(std::string(TenantDirectory::Create(options).status().message()),
              HasSubstr("absent.yaml"));
  options.path = folder_.Write("broken.yaml", "tenants: 3\n");
  EXPECT_THAT(std::string(TenantDirectory::Create(options).status().message()),
              HasSubstr("broken.yaml:1"));
}

TEST_F(TenantDirectoryTest, IndicesStayWithTheirNamesAndAreNotGivenAway) {
  Open(FileOf("12"));
  EXPECT_EQ(Find('1')->index, 0);
  EXPECT_EQ(Find('2')->index, 1);
  folder_.Write("tenants.yaml", FileOf("32"));
  ASSERT_TRUE(directory_->Reload().ok());
  EXPECT_EQ(Find('1'), nullptr);
  EXPECT_EQ(Find('2')->index, 1);
  EXPECT_EQ(Find('3')->index, 2);
  folder_.Write("tenants.yaml", FileOf("1"));
  ASSERT_TRUE(directory_->Reload().ok());
  EXPECT_EQ(Find('1')->index, 0);
}

TEST_F(TenantDirectoryTest, SharesAreByIndex) {
  Open(FileOf("12", "weight: 3"));
  folder_.Write("tenants.yaml", FileOf("2", "weight: 5\n    priority: batch"));
  ASSERT_TRUE(directory_->Reload().ok());
  const std::vector<TenantShare> shares = directory_->Shares();
  ASSERT_EQ(shares.size(), 2U);
  EXPECT_EQ(shares[0].weight, 1);  // gone
  EXPECT_EQ(shares[1].weight, 5);
  EXPECT_EQ(shares[0].priority, PriorityClass::kInteractive);
  EXPECT_EQ(shares[1].priority, PriorityClass::kBatch);
}

TEST_F(TenantDirectoryTest, ABrokenFileKeepsTheTenantsAndSaysWhy) {
  Open(FileOf("1"));
  const auto before = directory_->table();
  folder_.Write("tenants.yaml", FileOf("1", "weight: heavy"));
  const absl::Status status = directory_->Reload();
  EXPECT_THAT(std::string(status.message()), HasSubstr("tenants.yaml:4: tenant t1: weight"));
  EXPECT_EQ(directory_->table(), before);
  ASSERT_EQ(outcomes_.size(), 1U);
  EXPECT_EQ(outcomes_.front(), status);
}

TEST_F(TenantDirectoryTest, AReloadDoesNotRefillWhatATenantHasUsed) {
  Open(FileOf("1", "rate_gflops: 1"));
  auto grant = Find('1')->meter->Admit({1, 1, std::nullopt}, {1, 1, 1});
  ASSERT_TRUE(grant.ok());
  grant->End(1);
  ASSERT_TRUE(directory_->Reload().ok());
  EXPECT_FALSE(Find('1')->meter->Admit({1, 1, std::nullopt}, {1, 1, 1}).ok());
}

TEST_F(TenantDirectoryTest, PollReadsAFileThatHasChangedOnce) {
  Open(FileOf("1"));
  directory_->Poll();
  EXPECT_TRUE(outcomes_.empty());
  folder_.Write("tenants.yaml", FileOf("12"));
  directory_->Poll();
  directory_->Poll();
  ASSERT_EQ(outcomes_.size(), 1U);
  EXPECT_NE(Find('2'), nullptr);
}

TEST_F(TenantDirectoryTest, PollSeesReplacedLinkedAndMissingFiles) {
  const std::string first = folder_.Write("a/tenants.yaml", FileOf("1"));
  const std::string second = folder_.Write("b/tenants.yaml", FileOf("2"));
  const std::string link = folder_.path() + "/current";
  std::filesystem::create_directory_symlink(folder_.path() + "/a", link);
  TenantDirectory::Options options;
  options.path = link + "/tenants.yaml";
  directory_ = *TenantDirectory::Create(options);
  directory_->SetOnReload([this](const absl::Status& status) { outcomes_.push_back(status); });
  std::filesystem::create_directory_symlink(folder_.path() + "/b", link + ".new");
  std::filesystem::rename(link + ".new", link);
  directory_->Poll();
  EXPECT_NE(Find('2'), nullptr);
  std::filesystem::remove(second);
  directory_->Poll();
  directory_->Poll();
  EXPECT_NE(Find('2'), nullptr);
  ASSERT_EQ(outcomes_.size(), 2U);
  EXPECT_EQ(outcomes_.back().code(), absl::StatusCode::kNotFound);
}

TEST_F(TenantDirectoryTest, ReadersSeeWholeTablesWhileFilesChange) {
  Open(FileOf("12"));
  std::thread writer([this] {
    for (int i = 0; i < 200; ++i) {
      folder_.Write("tenants.yaml", FileOf(i % 2 == 0 ? "34" : "12"));
      directory_->Reload().IgnoreError();
    }
  });
  for (int i = 0; i < 2000; ++i) {
    const auto table = directory_->table();
    ASSERT_EQ(table->tenants().size(), 2U);
    EXPECT_EQ(table->FindByKeyHash(Hash('1')) == nullptr,
              table->FindByKeyHash(Hash('2')) == nullptr);
    EXPECT_GE(directory_->Shares().size(), 2U);
  }
  writer.join();
}

}  // namespace
}  // namespace snapvit
