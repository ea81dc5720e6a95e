// How the server starts: ordering computed, cached, in the background; and what it says if it
// cannot.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <string>

#include "core/base/file.h"
#include "tests/e2e/server_process.h"
#include "tests/testing/orderings.h"
#include "tests/testing/vit_configs.h"

namespace snapvit {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::string OrderingId(const ServerProcess& server) {
  return server.MakeClient()->GetModel("", absl::Seconds(5))->ordering_id();
}

TEST(StartupE2eTest, TheSecondStartUsesTheOrderingOfTheFirst) {
  const TemporaryFolder cache;
  std::string ordering;
  {
    ServerProcess first({"--cache-dir", cache.path()});
    ASSERT_TRUE(first.AwaitReady()) << first.process().Log();
    EXPECT_THAT(first.process().Log(), HasSubstr("event=ordering_done"));
    ordering = OrderingId(first);
  }
  ServerProcess second({"--cache-dir", cache.path()});
  ASSERT_TRUE(second.AwaitReady()) << second.process().Log();
  EXPECT_THAT(second.process().Log(), Not(HasSubstr("event=ordering_started")));
  EXPECT_EQ(OrderingId(second), ordering);
}

TEST(StartupE2eTest, ADamagedCacheIsComputedAgain) {
  const TemporaryFolder cache;
  cache.Write("ordering.safetensors", "no ordering");
  ServerProcess server({"--cache-dir", cache.path()});
  ASSERT_TRUE(server.AwaitReady()) << server.process().Log();
  EXPECT_THAT(server.process().Log(),
              AllOf(HasSubstr("event=ordering_ignored"), HasSubstr("event=ordering_done")));
}

TEST(StartupE2eTest, ACacheThatCannotBeWrittenIsAWarning) {
  const TemporaryFolder folder;
  const std::string file = folder.Write("file", "");
  ServerProcess server({"--cache-dir", file + "/below"});
  ASSERT_TRUE(server.AwaitReady()) << server.process().Log();
  EXPECT_THAT(server.process().Log(), HasSubstr("level=warning event=ordering_not_cached"));
}

TEST(StartupE2eTest, InTheBackgroundTheDenseModelIsServedFirst) {
  ServerProcess server({"--order-at-start", "background"});
  ASSERT_TRUE(server.AwaitReady()) << server.process().Log();
  const auto client = server.MakeClient();
  // The swap may come at any moment: both answers are right, and they follow each other.
  bool seen_ladder = false;
  while (!seen_ladder) {
    const auto info = client->GetModel("", absl::Seconds(5));
    ASSERT_TRUE(info.ok()) << info.status();
    seen_ladder = info->ladder_size() > 1;
    if (!seen_ladder) {
      EXPECT_EQ(info->ordering_id(), "dense");
    }
  }
  EXPECT_NE(OrderingId(server), "dense");
}

TEST(StartupE2eTest, WithoutAnOrderingOnlyTheDenseModelIsServed) {
  ServerProcess server({"--order-at-start", "never"});
  ASSERT_TRUE(server.AwaitReady()) << server.process().Log();
  EXPECT_EQ(server.MakeClient()->GetModel("", absl::Seconds(5))->ladder_size(), 1);
}

TEST(StartupE2eTest, AnImportedOrderingIsMeasuredAtTheFirstStart) {
  const TemporaryFolder folder;
  const std::string imported = folder.path() + "/imported.safetensors";
  const VitConfig tiny = MakeVitConfig(32, 8, 24, 2, 3, 96, 7);
  ASSERT_TRUE(WriteOrdering(RandomOrdering(tiny, 1), imported).ok());
  const std::vector<std::string> flags = {"--ordering",  imported,  "--cache-dir",
                                          folder.path(), "--floor", "fidelity:0.5"};
  {
    ServerProcess first(flags);
    ASSERT_TRUE(first.AwaitReady()) << first.process().Log();
    EXPECT_THAT(first.process().Log(),
                AllOf(HasSubstr("completes=" + RandomOrdering(tiny, 1).Id()),
                      HasSubstr("event=ordering_done"), HasSubstr(folder.path() + "/completed-")));
  }
  ServerProcess second(flags);
  ASSERT_TRUE(second.AwaitReady()) << second.process().Log();
  EXPECT_THAT(second.process().Log(), Not(HasSubstr("event=ordering_started")));
  ServerProcess as_it_is({"--ordering", imported, "--order-at-start", "never"});
  ASSERT_TRUE(as_it_is.AwaitReady()) << as_it_is.process().Log();
  EXPECT_THAT(as_it_is.process().Log(), HasSubstr("event=ordering_incomplete"));
}

TEST(StartupE2eTest, AModelThatCannotBeLoadedEndsTheServerWithItsReason) {
  ServerProcess server({"--model", "/nowhere/model"});
  EXPECT_FALSE(server.AwaitReady());
  EXPECT_EQ(server.process().Wait(), 1);
  EXPECT_THAT(server.process().Log(),
              AllOf(HasSubstr("level=error event=model_not_loaded"), HasSubstr("/nowhere/model")));
}

TEST(StartupE2eTest, AnExplicitOrderingThatDoesNotFitIsAnError) {
  const TemporaryFolder folder;
  ServerProcess server({"--ordering", folder.Write("o.safetensors", "no ordering")});
  EXPECT_FALSE(server.AwaitReady());
  EXPECT_EQ(server.process().Wait(), 1);
  EXPECT_THAT(server.process().Log(), HasSubstr("o.safetensors"));
}

TEST(StartupE2eTest, ATakenPortIsAnError) {
  ServerProcess first;
  ASSERT_TRUE(first.AwaitReady()) << first.process().Log();
  ServerProcess second({"--listen", first.target()});
  EXPECT_EQ(second.process().Wait(), 2);
  EXPECT_THAT(second.process().Log(), HasSubstr(first.target()));
  ServerProcess third({"--http", "127.0.0.1:" + std::to_string(first.http_port())});
  EXPECT_EQ(third.process().Wait(), 2);
  ServerProcess fourth({"--admin-listen", first.admin_target()});
  EXPECT_EQ(fourth.process().Wait(), 2);
  EXPECT_THAT(fourth.process().Log(), HasSubstr("--admin-listen"));
}

TEST(StartupE2eTest, WrongFlagsAreNamed) {
  ServerProcess server({"--rungs", "many"});
  EXPECT_EQ(server.process().Wait(), 2);
  EXPECT_THAT(server.process().Log(), AllOf(HasSubstr("--rungs"), HasSubstr("many")));
}

TEST(StartupE2eTest, CheckPrintsTheConfigurationAndServesNothing) {
  ServerProcess server({"--check", "--rungs", "7"});
  EXPECT_EQ(server.process().Wait(), 0);
  EXPECT_THAT(server.process().Log(), HasSubstr("rungs: 7  # --rungs"));
}

TEST(StartupE2eTest, StoppingWhileTheModelIsOrderedEndsAtOnce) {
  ServerProcess server({"--model", SNAPVIT_SOURCE_DIR "/models/demo"});
  while (server.process().Log().find("ordering_started") == std::string::npos) {
    ASSERT_TRUE(server.process().Running());
  }
  server.process().Signal(SIGTERM);
  EXPECT_EQ(server.process().Wait(), 0);
}

}  // namespace
}  // namespace snapvit
