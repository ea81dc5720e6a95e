#include "server/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/printable_text.h"

namespace snapvit {
namespace {

constexpr size_t kMaxValueBytes = 2048;

const char* LevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "error";
}

std::string Timestamp(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", time, absl::UTCTimeZone());
}

// logfmt: bare if there is nothing to misread, else in double quotes with JSON's escapes.
void AppendLogfmtText(const std::string& text, std::string& line) {
  const std::string safe = PrintableText(text, kMaxValueBytes);
  const bool bare = !safe.empty() && safe.find_first_of(" =\"\\\n\r\t") == std::string::npos;
  absl::StrAppend(&line, bare ? safe : nlohmann::json(safe).dump());
}

void AppendLogfmtValue(const LogValue& value, std::string& line) {
  if (const auto* text = std::get_if<std::string>(&value)) {
    AppendLogfmtText(*text, line);
  } else if (const auto* whole = std::get_if<int64_t>(&value)) {
    absl::StrAppend(&line, *whole);
  } else if (const auto* number = std::get_if<double>(&value)) {
    absl::StrAppend(&line, *number);
  } else {
    absl::StrAppend(&line, std::get<bool>(value) ? "true" : "false");
  }
}

std::string LogfmtLine(absl::Time time, LogLevel level, std::string_view event,
                       const LogFields& fields) {
  std::string line = absl::StrCat("ts=", Timestamp(time), " level=", LevelName(level), " event=");
  AppendLogfmtText(std::string(event), line);
  for (const LogField& field : fields) {
    absl::StrAppend(&line, " ", field.key, "=");
    AppendLogfmtValue(field.value, line);
  }
  return line;
}

nlohmann::ordered_json JsonValue(const LogValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) {
    return PrintableText(*text, kMaxValueBytes);
  }
  if (const auto* whole = std::get_if<int64_t>(&value)) return *whole;
  if (const auto* number = std::get_if<double>(&value)) return *number;
  return std::get<bool>(value);
}

std::string JsonLine(absl::Time time, LogLevel level, std::string_view event,
                     const LogFields& fields) {
  nlohmann::ordered_json line = {
      {"ts", Timestamp(time)}, {"level", LevelName(level)}, {"event", std::string(event)}};
  for (const LogField& field : fields) line[field.key] = JsonValue(field.value);
  return line.dump();
}

}  // namespace

std::string FormatLogLine(LogFormat format, absl::Time time, LogLevel level, std::string_view event,
                          const LogFields& fields) {
  return format == LogFormat::kJson ? JsonLine(time, level, event, fields)
                                    : LogfmtLine(time, level, event, fields);
}

Logger::Logger(LogLevel level, LogFormat format)
    : Logger(level, format, std::make_shared<spdlog::sinks::stderr_sink_mt>()) {}

Logger::Logger(LogLevel level, LogFormat format, std::shared_ptr<spdlog::sinks::sink> sink)
    : level_(level),
      format_(format),
      logger_(std::make_unique<spdlog::logger>("snapvit", std::move(sink))) {
  // Lines come ready made, levels are decided here.
  logger_->set_pattern("%v");
  logger_->set_level(spdlog::level::trace);
  logger_->flush_on(spdlog::level::warn);
}

Logger::~Logger() { logger_->flush(); }

void Logger::Debug(std::string_view event, const LogFields& fields) const {
  Write(LogLevel::kDebug, event, fields);
}
void Logger::Info(std::string_view event, const LogFields& fields) const {
  Write(LogLevel::kInfo, event, fields);
}
void Logger::Warning(std::string_view event, const LogFields& fields) const {
  Write(LogLevel::kWarning, event, fields);
}
void Logger::Error(std::string_view event, const LogFields& fields) const {
  Write(LogLevel::kError, event, fields);
}

void Logger::Write(LogLevel level, std::string_view event, const LogFields& fields) const {
  if (!Enabled(level)) return;
  const std::string line = FormatLogLine(format_, absl::Now(), level, event, fields);
  logger_->log(level >= LogLevel::kWarning ? spdlog::level::warn : spdlog::level::info,
               spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace snapvit
