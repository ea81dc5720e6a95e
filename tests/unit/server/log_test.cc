#include "server/log.h"

#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "server/log_limiter.h"

namespace snapvit {
namespace {

class SettableClock : public Clock {
 public:
  absl::Time Now() const override { return now; }
  absl::Time now = absl::UnixEpoch();
};

const absl::Time kTime = absl::FromUnixMicros(1'700'000'000'123'456);

TEST(FormatLogLine, WritesLogfmt) {
  EXPECT_EQ(
      FormatLogLine(LogFormat::kText, kTime, LogLevel::kInfo, "server_ready",
                    {{"grpc", "127.0.0.1:50051"}, {"images", 3}, {"seconds", 1.5}, {"ok", true}}),
      "ts=2023-11-14T22:13:20.123456Z level=info event=server_ready grpc=127.0.0.1:50051 "
      "images=3 seconds=1.5 ok=true");
}

TEST(FormatLogLine, QuotesWhatCouldBeMisread) {
  const std::string line =
      FormatLogLine(LogFormat::kText, kTime, LogLevel::kWarning, "request_failed",
                    {{"message", "model 'x' is unknown"}, {"id", ""}, {"a", "b=c"}});
  EXPECT_NE(line.find(R"( message="model 'x' is unknown" id="" a="b=c")"), std::string::npos)
      << line;
}

TEST(FormatLogLine, ClientsCannotForgeLinesOrFields) {
  const std::string attack = "x\nts=now level=error event=forged \"quoted\" \\ \xff";
  for (const LogFormat format : {LogFormat::kText, LogFormat::kJson}) {
    const std::string line =
        FormatLogLine(format, kTime, LogLevel::kInfo, "request_failed", {{"id", attack}});
    EXPECT_EQ(line.find('\n'), std::string::npos) << line;
    EXPECT_EQ(line.find('\xff'), std::string::npos) << line;
  }
  const std::string text =
      FormatLogLine(LogFormat::kText, kTime, LogLevel::kInfo, "request_failed", {{"id", attack}});
  EXPECT_NE(text.find(R"(id="x\\x0ats=now level=error event=forged \"quoted\" \\ \\xff")"),
            std::string::npos)
      << text;
}

TEST(FormatLogLine, WritesOneJsonObject) {
  const std::string line =
      FormatLogLine(LogFormat::kJson, kTime, LogLevel::kError, "request_failed",
                    {{"id", "a\"b"}, {"images", 3}, {"seconds", 0.25}});
  const nlohmann::json json = nlohmann::json::parse(line);
  EXPECT_EQ(json["event"], "request_failed");
  EXPECT_EQ(json["level"], "error");
  EXPECT_EQ(json["id"], "a\"b");
  EXPECT_EQ(json["images"], 3);
  EXPECT_EQ(json["seconds"], 0.25);
}

TEST(FormatLogLine, CutsHugeValues) {
  const std::string line = FormatLogLine(LogFormat::kText, kTime, LogLevel::kInfo, "e",
                                         {{"v", std::string(1 << 20, 'x')}});
  EXPECT_LT(line.size(), 4096u);
}

TEST(Logger, WritesOnlyItsLevelAndAbove) {
  std::ostringstream out;
  const Logger log(LogLevel::kWarning, LogFormat::kText,
                   std::make_shared<spdlog::sinks::ostream_sink_mt>(out));
  log.Debug("d");
  log.Info("i");
  log.Warning("w {} %s", {{"k", "{}"}});
  log.Error("e");
  const std::string text = out.str();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2) << text;
  EXPECT_NE(text.find("level=warning event=\"w {} %s\" k={}"), std::string::npos) << text;
  EXPECT_NE(text.find("level=error event=e"), std::string::npos) << text;
}

TEST(LogLimiter, KeepsFloodsOutAndCountsThem) {
  SettableClock clock;
  LogLimiter limiter(&clock, /*burst=*/2, absl::Seconds(1));
  EXPECT_EQ(limiter.Admit(), 0);
  EXPECT_EQ(limiter.Admit(), 0);
  EXPECT_EQ(limiter.Admit(), std::nullopt);
  EXPECT_EQ(limiter.Admit(), std::nullopt);
  clock.now += absl::Seconds(1);
  EXPECT_EQ(limiter.Admit(), 2);
  EXPECT_EQ(limiter.Admit(), 0);
  EXPECT_EQ(limiter.Admit(), std::nullopt);
}

}  // namespace
}  // namespace snapvit
