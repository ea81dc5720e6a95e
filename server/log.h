// Logger: structured logs, one line an event. Text is logfmt (ts=… level=… event=… key=value …), or
// a JSON object a line. Values are escaped: what a client sends can neither start a new line nor
// forge a field.
#ifndef SNAPVIT_SERVER_LOG_H_
#define SNAPVIT_SERVER_LOG_H_

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "server/options.h"

namespace spdlog {
class logger;
namespace sinks {
class sink;
}
}  // namespace spdlog

namespace snapvit {

using LogValue = std::variant<std::string, int64_t, double, bool>;

// One key=value of an event. Keys are literals: lower-case words with underscores, units at the end
// (wait_ms).
struct LogField {
  LogField(const char* k, std::string_view v) : key(k), value(std::string(v)) {}
  LogField(const char* k, const std::string& v) : key(k), value(v) {}
  LogField(const char* k, const char* v) : key(k), value(std::string(v)) {}
  LogField(const char* k, bool v) : key(k), value(v) {}
  LogField(const char* k, double v) : key(k), value(v) {}
  template <typename T>
  requires std::is_integral_v<T> LogField(const char* k, T v)
      : key(k), value(static_cast<int64_t>(v)) {}

  const char* key;
  LogValue value;
};

using LogFields = std::vector<LogField>;

// The line of an event, without its line end.
std::string FormatLogLine(LogFormat format, absl::Time time, LogLevel level, std::string_view event,
                          const LogFields& fields);

// Thread-safe: lines of several threads do not mix.
class Logger {
 public:
  // To standard error.
  Logger(LogLevel level, LogFormat format);
  // To a sink of the caller's, for tests.
  Logger(LogLevel level, LogFormat format, std::shared_ptr<spdlog::sinks::sink> sink);
  ~Logger();

  // `event`: what happened, in snake_case: "server_ready", "request_failed".
  void Debug(std::string_view event, const LogFields& fields = {}) const;
  void Info(std::string_view event, const LogFields& fields = {}) const;
  void Warning(std::string_view event, const LogFields& fields = {}) const;
  void Error(std::string_view event, const LogFields& fields = {}) const;

  // Whether events of `level` are written, for callers whose fields cost something.
  bool Enabled(LogLevel level) const { return level >= level_; }

 private:
  void Write(LogLevel level, std::string_view event, const LogFields& fields) const;

  const LogLevel level_;
  const LogFormat format_;
  const std::unique_ptr<spdlog::logger> logger_;
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_LOG_H_
