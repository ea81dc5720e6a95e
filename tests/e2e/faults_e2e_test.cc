// Bad days: the server is killed while it computes and stores an ordering, its disk is full, its
// cache is not its own, its model's file changes under it, its memory runs out, it is told to stop
// in the middle of everything.
#include <gmock/gmock.h>
#include <grpcpp/client_context.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "core/base/file.h"
#include "core/base/random.h"
#include "core/elastic/ordering.h"
#include "tests/e2e/server_process.h"
#include "tests/testing/temporary_folder.h"

namespace snapvit {
namespace {

namespace fs = std::filesystem;
using std::chrono::steady_clock;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr uid_t kNobody = 65534;

std::vector<fs::path> FilesIn(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code gone;  // files come and go meanwhile
  for (fs::recursive_directory_iterator entry(folder, gone), end; !gone && entry != end;
       entry.increment(gone)) {
    if (entry->is_regular_file(gone)) files.push_back(entry->path());
  }
  return files;
}

bool IsOrdering(const fs::path& file) { return file.extension() == ".safetensors"; }

// What is written before it gets its name.
bool IsUnfinished(const fs::path& file) {
  return absl::StrContains(file.filename().string(), ".safetensors.");
}

bool HasOrdering(const fs::path& folder) {
  const std::vector<fs::path> files = FilesIn(folder);
  return std::any_of(files.begin(), files.end(),
                     [](const fs::path& file) { return IsOrdering(file) || IsUnfinished(file); });
}

absl::Status EmbedOne(const client::Client& client, double compute = 1) {
  const std::string jpeg =
      *ReadFile(SNAPVIT_SOURCE_DIR "/tests/testdata/images/decode/grey.jpg", size_t{1} << 20);
  const client::ImageInput images[] = {client::EncodedImage{jpeg}};
  client::EmbedOptions options;
  options.budget.set_compute(compute);
  const auto results = client.Embed(images, options);
  return results.ok() ? results->front().embedding.status() : results.status();
}

// --- Killed ---

// Kills a server at some moment between its start and the end of its ordering, again and again.
// FAULT_KILLS: how often.
TEST(FaultsE2eTest, KilledAtAnyMomentItLeavesNoBrokenOrdering) {
  const char* given = std::getenv("FAULT_KILLS");
  const int kills = given == nullptr ? 8 : std::atoi(given);
  const TemporaryFolder cache;
  const std::vector<std::string> flags = {"--cache-dir", cache.path(), "--warmup", "off"};
  steady_clock::duration whole;
  {
    const auto start = steady_clock::now();
    ServerProcess server(flags);
    ASSERT_TRUE(server.AwaitReady()) << server.process().Log();
    whole = steady_clock::now() - start;
  }
  Random random(1);
  int whole_files = 0;
  int unfinished_files = 0;
  for (int i = 0; i < kills; ++i) {
    for (const fs::path& file : FilesIn(cache.path())) fs::remove(file);
    ServerProcess server(flags);
    const auto kill_at = steady_clock::now() + random.Uniform() * whole;
    // Every other time in the moment in which the file is written.
    const bool while_writing = i % 2 == 1;
    while (while_writing || steady_clock::now() < kill_at) {
      ASSERT_TRUE(server.process().Running()) << server.process().Log();
      if (while_writing && HasOrdering(cache.path())) break;
    }
    server.process().Signal(SIGKILL);
    server.process().Wait();
    for (const fs::path& file : FilesIn(cache.path())) {
      whole_files += IsOrdering(file) ? 1 : 0;
      unfinished_files += IsUnfinished(file) ? 1 : 0;
      if (!IsOrdering(file)) continue;
      EXPECT_TRUE(ReadOrdering(file).ok()) << ReadOrdering(file).status();
    }
  }
  RecordProperty("whole_files", whole_files);
  RecordProperty("unfinished_files", unfinished_files);
  std::cout << kills << " kills left " << whole_files << " whole files and " << unfinished_files
            << " unfinished ones\n";
  ServerProcess last(flags);
  ASSERT_TRUE(last.AwaitReady()) << last.process().Log();
  EXPECT_EQ(last.process().Log().find("ordering_ignored"), std::string::npos);
  EXPECT_EQ(EmbedOne(*last.MakeClient()), absl::OkStatus());
}

// --- Told to stop ---

// More than an engine can do; every request takes a while.
constexpr char kSlowProfile[] = R"({"cells": [
  {"served_compute": 0.5, "fidelity": 0.95, "batch": 1, "latency_ms": 20},
  {"served_compute": 1, "fidelity": 1, "batch": 1, "latency_ms": 30}]})";

// Why the first request that was not answered was not.
absl::Status AskUntilRefused(const ServerProcess& server, std::atomic<int>& answered) {
  client::ClientOptions once;
  once.retry.max_attempts = 1;
  once.own_connection = true;
  const auto client = server.MakeClient(once);
  absl::Status status;
  while ((status = EmbedOne(*client)).ok()) ++answered;
  return status;
}

TEST(FaultsE2eTest, SigtermUnderLoadAnswersWhatWasAcceptedAndRefusesTheRest) {
  constexpr int kCallers = 24;
  const TemporaryFolder folder;
  ServerProcess server({"--engine", "simulated:" + folder.Write("profile.json", kSlowProfile)});
  ASSERT_TRUE(server.AwaitReady()) << server.process().Log();
  std::atomic<int> answered = 0;
  std::vector<std::future<absl::Status>> callers;
  for (int i = 0; i < kCallers; ++i) {
    callers.push_back(
        std::async(std::launch::async, [&] { return AskUntilRefused(server, answered); }));
  }
  while (answered < kCallers) std::this_thread::yield();
  const auto start = steady_clock::now();
  server.process().Signal(SIGTERM);
  for (auto& caller : callers) {
    const absl::Status end = caller.get();
    EXPECT_EQ(end.code(), absl::StatusCode::kUnavailable) << end;
    // A connection that broke would have lost a request; one that is not to be had has none.
    EXPECT_TRUE(absl::StrContains(end.message(), "shutting down") ||
                absl::StrContains(end.message(), "failed to connect"))
        << end;
  }
  EXPECT_EQ(server.process().Wait(), 0) << server.process().Log();
  EXPECT_LT(steady_clock::now() - start, std::chrono::seconds(30)) << "the grace time";
  EXPECT_THAT(server.process().Log(), HasSubstr("all_requests_answered=true"));
}

// --- Disks ---

class SmallDisk {
 public:
  explicit SmallDisk(const std::string& folder) : folder_(folder) {
    mounted_ = mount("none", folder.c_str(), "tmpfs", 0, "size=4k") == 0;
  }
  ~SmallDisk() {
    if (mounted_) umount2(folder_.c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  bool mounted() const { return mounted_; }

 private:
  const std::string folder_;
  bool mounted_;
};

TEST(FaultsE2eTest, AFullDiskIsAWarningAndLeavesNothing) {
  const TemporaryFolder cache;
  const SmallDisk disk(cache.path());
  if (!disk.mounted()) GTEST_SKIP() << "a small disk takes the right to mount one";
  ServerProcess server({"--cache-dir", cache.path()});
  ASSERT_TRUE(server.AwaitReady()) << server.process().Log();
  EXPECT_THAT(server.process().Log(), AllOf(HasSubstr("level=warning event=ordering_not_cached"),
                                            HasSubstr("No space left on device")));
  EXPECT_FALSE(HasOrdering(cache.path()));
  EXPECT_EQ(EmbedOne(*server.MakeClient()), absl::OkStatus());

  const std::string out = cache.path() + "/ordering.safetensors";
  Process order(SNAPVIT_BIN_DIR "/snapvit",
                {"order", "--model", kTinyModel, "--count", "8", "-o", out},
                server.folder() + "/order.log");
  EXPECT_NE(order.Wait(), 0);
  EXPECT_THAT(order.Log(), AllOf(HasSubstr(out), HasSubstr("No space left on device")));
  EXPECT_FALSE(HasOrdering(cache.path()));
}

TEST(FaultsE2eTest, AFileThatMayNotGrowIsAWarningToo) {
  // Enough for the log, not for the ordering.
  ServerProcess server({}, [] {
    const rlimit limit = {3 << 10, 3 << 10};
    setrlimit(RLIMIT_FSIZE, &limit);
  });
  ASSERT_TRUE(server.AwaitReady()) << server.process().Log();
  EXPECT_THAT(server.process().Log(), AllOf(HasSubstr("level=warning event=ordering_not_cached"),
                                            HasSubstr("File too large")));
  EXPECT_EQ(EmbedOne(*server.MakeClient()), absl::OkStatus());
}

TEST(FaultsE2eTest, ACacheOfSomebodyElseIsReadAndNotWritten) {
  if (geteuid() != 0) GTEST_SKIP() << "becoming somebody else takes root";
  const TemporaryFolder cache;
  fs::permissions(cache.path(), fs::perms(0755));
  const auto as_nobody = [] {
    if (setgid(kNobody) != 0 || setuid(kNobody) != 0) _exit(126);
    umask(0);
  };
  {
    const TemporaryFolder folder;
    Process allowed(kServerProgram, {"--version"}, folder.path() + "/log", {}, as_nobody);
    if (allowed.Wait() != 0) GTEST_SKIP() << kServerProgram << " cannot be run by uid " << kNobody;
  }
  const TemporaryFolder out;
  fs::permissions(out.path(), fs::perms(0777));
  const std::vector<std::string> flags = {"--cache-dir", cache.path()};
  std::string ordering;
  {
    ServerProcess server(flags, as_nobody);
    fs::permissions(server.folder(), fs::perms(0777));
    ASSERT_TRUE(server.AwaitReady()) << server.process().Log();
    EXPECT_THAT(server.process().Log(), AllOf(HasSubstr("level=warning event=ordering_not_cached"),
                                              HasSubstr("Permission denied")));
    EXPECT_FALSE(HasOrdering(cache.path()));
  }
  {
    ServerProcess owner(flags);
    ASSERT_TRUE(owner.AwaitReady()) << owner.process().Log();
    ordering = owner.MakeClient()->GetModel("", absl::Seconds(5))->ordering_id();
  }
  ServerProcess server(flags, as_nobody);
  fs::permissions(server.folder(), fs::perms(0777));
  ASSERT_TRUE(server.AwaitReady()) << server.process().Log();
  EXPECT_EQ(server.process().Log().find("ordering_started"), std::string::npos);
  EXPECT_EQ(server.MakeClient()->GetModel("", absl::Seconds(5))->ordering_id(), ordering);
}

// --- The model's file ---

class ChangedModelE2eTest : public ::testing::Test {
 protected:
  void SetUp() override { fs::copy(kTinyModel, model()); }

  std::string model() const { return folder_.path() + "/model"; }
  std::string weights() const { return model() + "/model.safetensors"; }
  // Every budget is answered.
  static void ExpectServing(const ServerProcess& server) {
    const auto client = server.MakeClient();
    for (const double compute : {1.0, 0.75, 0.5, 0.3}) {
      EXPECT_EQ(EmbedOne(*client, compute), absl::OkStatus()) << compute;
    }
  }
  static grpc::Status Reload(const ServerProcess& server) {
    grpc::ClientContext rpc;
    v1::ReloadOrderingResponse response;
    return server.MakeAdmin()->ReloadOrdering(&rpc, {}, &response);
  }

  const TemporaryFolder folder_;
};

TEST_F(ChangedModelE2eTest, WhatIsServedDoesNotDependOnTheFile) {
  ServerProcess server({"--model", model(), "--floor", "0.25"});
  ASSERT_TRUE(server.AwaitReady()) << server.process().Log();
  fs::resize_file(weights(), 4096);
  ExpectServing(server);
  EXPECT_FALSE(Reload(server).ok());
  fs::resize_file(weights(), 0);
  ExpectServing(server);
  EXPECT_FALSE(Reload(server).ok());
  fs::remove(weights());
  EXPECT_FALSE(Reload(server).ok());
  ExpectServing(server);
  server.process().Signal(SIGTERM);
  EXPECT_EQ(server.process().Wait(), 0) << server.process().Log();
}

TEST_F(ChangedModelE2eTest, OtherWeightsUnderTheSameNameAreNotTakenOver) {
  ServerProcess server({"--model", model(), "--floor", "0.25"});
  ASSERT_TRUE(server.AwaitReady()) << server.process().Log();
  const auto before = server.MakeClient()->GetModel("", absl::Seconds(5));
  std::string bytes = *ReadFile(weights(), size_t{16} << 20);
  bytes[bytes.size() - 1] ^= 1;  // of the last tensor's last value
  ASSERT_TRUE(WriteFileAtomically(weights(), bytes).ok());
  const grpc::Status status = Reload(server);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION) << status.error_message();
  const auto after = server.MakeClient()->GetModel("", absl::Seconds(5));
  EXPECT_EQ(after->embedding_space_id(), before->embedding_space_id());
  EXPECT_EQ(after->ordering_id(), before->ordering_id());
  ExpectServing(server);
}

TEST_F(ChangedModelE2eTest, AFileThatIsCutWhileItIsReadEndsTheServerWithTheReason) {
  fs::remove_all(model());
  fs::copy(SNAPVIT_SOURCE_DIR "/models/demo", model());
  ServerProcess server({"--model", model()});
  while (server.process().Log().find("ordering_started") == std::string::npos) {
    ASSERT_TRUE(server.process().Running()) << server.process().Log();
  }
  fs::resize_file(weights(), 4096);
  EXPECT_EQ(server.process().Wait(), 128 + SIGBUS);
  EXPECT_THAT(server.process().Log(), HasSubstr("replaced in place"));
}

// --- Memory ---

// Of a process, as its limit counts it.
size_t AddressSpace(pid_t pid) {
  std::ifstream statm("/proc/" + std::to_string(pid) + "/statm");
  size_t pages = 0;
  statm >> pages;
  return pages * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

void Append32(std::string& bytes, uint32_t value) {
  for (const int shift : {24, 16, 8, 0}) bytes += static_cast<char>(value >> shift);
}

void AppendChunk(std::string& png, const std::string& type, const std::string& data) {
  Append32(png, static_cast<uint32_t>(data.size()));
  const std::string body = type + data;
  png += body;
  Append32(png, static_cast<uint32_t>(crc32(0, reinterpret_cast<const Bytef*>(body.data()),
                                            static_cast<uInt>(body.size()))));
}

// A black grey-scale image in few bytes.
std::string BlankPng(uint32_t width, uint32_t height) {
  using namespace std::string_literals;
  std::string header;
  Append32(header, width);
  Append32(header, height);
  header += "\x08\0\0\0\0"s;
  const std::string rows(size_t{height} * (width + 1), '\0');
  uLongf size = compressBound(rows.size());
  std::string packed(size, '\0');
  EXPECT_EQ(compress2(reinterpret_cast<Bytef*>(packed.data()), &size,
                      reinterpret_cast<const Bytef*>(rows.data()), rows.size(), 1),
            Z_OK);
  packed.resize(size);
  std::string png = "\x89PNG\r\n\x1a\n"s;
  AppendChunk(png, "IHDR", header);
  AppendChunk(png, "IDAT", packed);
  AppendChunk(png, "IEND", "");
  return png;
}

TEST(FaultsE2eTest, AnImageThatMemoryDoesNotHoldFailsAlone) {
  ServerProcess server({"--max-pixels", "200000000"});
  ASSERT_TRUE(server.AwaitReady()) << server.process().Log();
  const auto client = server.MakeClient();
  ASSERT_EQ(EmbedOne(*client), absl::OkStatus());  // what is allocated once is there
  const size_t room = size_t{64} << 20;
  const rlimit limit = {AddressSpace(server.process().pid()) + room, RLIM_INFINITY};
  ASSERT_EQ(prlimit(server.process().pid(), RLIMIT_AS, &limit, nullptr), 0);

  const std::string huge = BlankPng(10'000, 10'000);
  const std::string jpeg =
      *ReadFile(SNAPVIT_SOURCE_DIR "/tests/testdata/images/decode/grey.jpg", size_t{1} << 20);
  const client::ImageInput images[] = {client::EncodedImage{huge}, client::EncodedImage{jpeg}};
  for (int i = 0; i < 3; ++i) {
    const auto results = client->Embed(images, {});
    ASSERT_TRUE(results.ok()) << results.status();
    const absl::Status& failed = (*results)[0].embedding.status();
    EXPECT_EQ(failed.code(), absl::StatusCode::kResourceExhausted) << failed;
    EXPECT_THAT(std::string(failed.message()), HasSubstr("no memory"));
    EXPECT_TRUE((*results)[1].embedding.ok()) << (*results)[1].embedding.status();
  }
  server.process().Signal(SIGTERM);
  EXPECT_EQ(server.process().Wait(), 0) << server.process().Log();
}

}  // namespace
}  // namespace snapvit
