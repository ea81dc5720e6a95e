#include "server/library_logs.h"

#include <google/protobuf/stubs/logging.h>
#include <grpc/support/log.h>

#include <string_view>

#include "server/log_limiter.h"

namespace snapvit {
namespace {

// The libraries call plain functions.
struct Destination {
  const Logger& log;
  LogLimiter limiter;
};
Destination* destination = nullptr;

void Write(std::string_view library, bool error, std::string_view message) {
  const LogLevel level = error ? LogLevel::kWarning : LogLevel::kDebug;
  if (!destination->log.Enabled(level)) return;
  const auto suppressed = destination->limiter.Admit();
  if (!suppressed.has_value()) return;
  const LogFields fields = {
      {"library", library}, {"message", message}, {"suppressed", *suppressed}};
  if (error) return destination->log.Warning("library_message", fields);
  destination->log.Debug("library_message", fields);
}

}  // namespace

void TakeLibraryLogs(const Logger* log, const Clock* clock) {
  destination = new Destination{*log, {clock, 5, absl::Seconds(10)}};
  gpr_set_log_function([](gpr_log_func_args* args) {
    Write("grpc", args->severity == GPR_LOG_SEVERITY_ERROR, args->message);
  });
  google::protobuf::SetLogHandler([](google::protobuf::LogLevel level, const char* /*file*/,
                                     int /*line*/, const std::string& message) {
    Write("protobuf", level >= google::protobuf::LOGLEVEL_ERROR, message);
  });
}

}  // namespace snapvit
