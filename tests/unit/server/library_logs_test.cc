#include "server/library_logs.h"

#include <gmock/gmock.h>
#include <google/protobuf/stubs/logging.h>
#include <grpc/support/log.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>

#include <algorithm>
#include <memory>
#include <sstream>
#include <string>

namespace snapvit {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(LibraryLogs, AreEventsOfOurOwnAndCannotFloodOrForge) {
  static auto* const lines = new std::ostringstream();
  static const auto* const log = new Logger(
      LogLevel::kInfo, LogFormat::kText, std::make_shared<spdlog::sinks::ostream_sink_mt>(*lines));
  gpr_log_verbosity_init();  // as starting gRPC does
  testing::internal::CaptureStderr();
  TakeLibraryLogs(log, Clock::Monotonic());
  GOOGLE_LOG(ERROR) << "String field 'id'\nts=now event=forged";
  for (int i = 0; i < 1000; ++i) gpr_log(GPR_ERROR, "Handshake failed");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  const std::string text = lines->str();
  EXPECT_THAT(text, HasSubstr("level=warning event=library_message library=protobuf message="));
  EXPECT_THAT(text, HasSubstr("library=grpc message=\"Handshake failed\""));
  EXPECT_THAT(text, Not(HasSubstr("\nts=now")));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 5);
}

}  // namespace
}  // namespace snapvit
