#include "core/base/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "tests/testing/temporary_folder.h"

namespace snapvit {
namespace {

namespace fs = std::filesystem;

class FileTest : public testing::Test {
 protected:
  std::string Path(const std::string& name) const { return folder_.path() + "/" + name; }
  size_t FilesInFolder() const {
    return std::distance(fs::directory_iterator(folder_.path()), fs::directory_iterator());
  }
  static std::string Content(const std::string& path) {
    const auto content = ReadFile(path, size_t{1} << 30);
    return content.ok() ? *content : content.status().ToString();
  }

  const TemporaryFolder folder_;
};

// Writes fail beyond `bytes`, as on a full disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limit = before_;
    limit.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int);
};

TEST_F(FileTest, ReadsBackEveryByte) {
  std::string content(300000, '\0');
  for (size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i * 31);
  ASSERT_TRUE(WriteFileAtomically(Path("a"), content).ok());
  EXPECT_EQ(Content(Path("a")), content);
}

TEST_F(FileTest, ReadsAnEmptyFile) {
  ASSERT_TRUE(WriteFileAtomically(Path("a"), "").ok());
  EXPECT_EQ(Content(Path("a")), "");
}

TEST_F(FileTest, NamesTheAbsentFile) {
  const auto content = ReadFile(Path("absent"), 100);
  EXPECT_EQ(content.status().code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(absl::StrContains(content.status().message(), Path("absent")));
}

TEST_F(FileTest, RefusesWhatIsLargerThanTheLimit) {
  ASSERT_TRUE(WriteFileAtomically(Path("a"), "12345").ok());
  EXPECT_TRUE(ReadFile(Path("a"), 5).ok());
  const auto content = ReadFile(Path("a"), 4);
  EXPECT_EQ(content.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(absl::StrContains(content.status().message(), "4 bytes"));
}

TEST_F(FileTest, RefusesAFolder) { EXPECT_FALSE(ReadFile(folder_.path(), 100).ok()); }

TEST_F(FileTest, ReplacesTheOldContentAndLeavesNothingElse) {
  ASSERT_TRUE(WriteFileAtomically(Path("a"), "a longer first content").ok());
  ASSERT_TRUE(WriteFileAtomically(Path("a"), "second").ok());
  EXPECT_EQ(Content(Path("a")), "second");
  EXPECT_EQ(FilesInFolder(), 1u);
}

TEST_F(FileTest, KeepsTheOldFileIfWritingFails) {
  ASSERT_TRUE(WriteFileAtomically(Path("a"), "old").ok());
  {
    FileSizeLimit limit(1000);
    const absl::Status status = WriteFileAtomically(Path("a"), std::string(100000, 'x'));
    EXPECT_FALSE(status.ok());
    EXPECT_TRUE(absl::StrContains(status.message(), Path("a"))) << status;
  }
  EXPECT_EQ(Content(Path("a")), "old");
  EXPECT_EQ(FilesInFolder(), 1u) << "the temporary file is still there";
}

TEST_F(FileTest, AProcessThatIsKilledWhileItWritesLeavesNothing) {
  const int unnamed = open(folder_.path().c_str(), O_TMPFILE | O_WRONLY, 0600);
  if (unnamed < 0) GTEST_SKIP() << "this file system knows no files without a name";
  close(unnamed);
  ASSERT_TRUE(WriteFileAtomically(Path("a"), "old").ok());
  const std::string content(100000, 'x');
  const pid_t child = fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_DFL);  // which kills
    const rlimit limit = {1000, 1000};
    setrlimit(RLIMIT_FSIZE, &limit);
    const rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    WriteFileAtomically(Path("a"), content).IgnoreError();
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(Content(Path("a")), "old");
  EXPECT_EQ(FilesInFolder(), 1u);
}

TEST_F(FileTest, LeavesNothingIfTheNameIsAFolder) {
  fs::create_directories(Path("a"));
  EXPECT_FALSE(WriteFileAtomically(Path("a"), "x").ok());
  EXPECT_TRUE(fs::is_directory(Path("a")));
  EXPECT_EQ(FilesInFolder(), 1u);
}

TEST_F(FileTest, FailsInAnAbsentFolder) {
  const absl::Status status = WriteFileAtomically(Path("no/such/a"), "x");
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound) << status;
}

// Servers and init jobs run as different users.
TEST_F(FileTest, IsReadableByOthers) {
  ASSERT_TRUE(WriteFileAtomically(Path("a"), "x").ok());
  EXPECT_NE(fs::status(Path("a")).permissions() & fs::perms::others_read, fs::perms::none);
}

}  // namespace
}  // namespace snapvit
