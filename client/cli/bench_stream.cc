#include "client/cli/bench_stream.h"

#include <yaml-cpp/yaml.h>

#include <filesystem>
#include <set>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/cli/remote_flags.h"
#include "core/base/file.h"
#include "core/base/status_macros.h"

namespace snapvit::cli {
namespace {

constexpr size_t kMaxFileBytes = size_t{1} << 20;

struct Key {
  const char* name;
  std::string StreamSettings::*value;
};
constexpr Key kKeys[] = {
    {"name", &StreamSettings::name},
    {"rate", &StreamSettings::rate},
    {"concurrency", &StreamSettings::concurrency},
    {"arrivals", &StreamSettings::arrivals},
    {"budget", &StreamSettings::budget},
    {"floor", &StreamSettings::floor},
    {"strict", &StreamSettings::strict},
    {"method", &StreamSettings::method},
    {"batch", &StreamSettings::batch},
    {"deadline", &StreamSettings::deadline},
    {"tell-deadline", &StreamSettings::tell_deadline},
    {"api-key-file", &StreamSettings::api_key_file},
};

absl::Status Of(const char* key, const absl::Status& status) {
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat(key, ": ", status.message()));
}

absl::Status Wrong(const char* key, const std::string& text, const char* expected) {
  return absl::InvalidArgumentError(absl::StrCat(key, " is '", text, "', expected ", expected));
}

absl::Status SetCount(const char* key, const std::string& text, int& value) {
  if (text.empty()) return absl::OkStatus();
  int count = 0;
  if (!absl::SimpleAtoi(text, &count) || count < 1 || count > 100'000) {
    return Wrong(key, text, "a whole number from 1 to 100000");
  }
  value = count;
  return absl::OkStatus();
}

absl::Status SetSwitch(const char* key, const std::string& text, bool& value) {
  if (text.empty() || absl::SimpleAtob(text, &value)) return absl::OkStatus();
  return Wrong(key, text, "true or false");
}

absl::Status SetDeadline(const std::string& text, std::optional<absl::Duration>& value) {
  if (text.empty()) return absl::OkStatus();
  double milliseconds = 0;
  absl::Duration deadline;
  if (absl::SimpleAtod(text, &milliseconds)) {
    deadline = absl::Milliseconds(milliseconds);
  } else if (!absl::ParseDuration(text, &deadline)) {
    deadline = absl::ZeroDuration();
  }
  if (deadline <= absl::ZeroDuration() || deadline == absl::InfiniteDuration()) {
    return Wrong("deadline", text, "milliseconds above 0, or a duration such as 1.5s");
  }
  value = deadline;
  return absl::OkStatus();
}

absl::Status SetMethod(const std::string& text, BenchMethod& method) {
  if (text == "classify") {
    method = BenchMethod::kClassify;
  } else if (!text.empty() && text != "embed") {
    return Wrong("method", text, "embed or classify");
  }
  return absl::OkStatus();
}

absl::Status SetLoad(const StreamSettings& settings, BenchStream& stream) {
  if (!settings.concurrency.empty()) {
    if (!settings.rate.empty() || !settings.arrivals.empty()) {
      return absl::InvalidArgumentError(
          "concurrency is a closed loop, rate and arrivals are an open one: give one of them");
    }
    return SetCount("concurrency", settings.concurrency, stream.concurrency);
  }
  if (settings.rate.empty() && settings.arrivals.empty()) {
    return absl::InvalidArgumentError(
        "no load: give a rate (open loop) or a concurrency (closed loop)");
  }
  std::optional<RateProfile> rate;
  if (!settings.rate.empty()) {
    absl::StatusOr<RateProfile> parsed = RateProfile::Parse(settings.rate);
    if (!parsed.ok()) return Of("rate", parsed.status());
    rate = *std::move(parsed);
  }
  absl::StatusOr<ArrivalSpec> arrivals =
      ArrivalSpec::Parse(settings.arrivals.empty() ? "poisson" : settings.arrivals, rate);
  if (!arrivals.ok()) return Of("arrivals", arrivals.status());
  stream.arrivals = *std::move(arrivals);
  return absl::OkStatus();
}

absl::Status SetBudgets(const StreamSettings& settings, BenchStream& stream) {
  bool strict = false;
  RETURN_IF_ERROR(SetSwitch("strict", settings.strict, strict));
  std::optional<FloorTarget> floor;
  if (!settings.floor.empty()) {
    absl::StatusOr<FloorTarget> parsed = ParseFloor(settings.floor);
    if (!parsed.ok()) return Of("floor", parsed.status());
    floor = *parsed;
  }
  absl::StatusOr<BudgetMix> budgets = BudgetMix::Parse(settings.budget, floor, strict);
  if (!budgets.ok()) return Of("budget", budgets.status());
  stream.budgets = *std::move(budgets);
  return absl::OkStatus();
}

absl::Status SetApiKey(const StreamSettings& settings, BenchStream& stream) {
  ASSIGN_OR_RETURN(stream.api_key, ReadApiKey(settings.api_key_file));
  return absl::OkStatus();
}

// The settings of one entry of a streams file.
absl::StatusOr<StreamSettings> ReadEntry(const YAML::Node& entry, const std::string& folder) {
  if (!entry.IsMap()) return absl::InvalidArgumentError("expected a map of settings");
  StreamSettings settings;
  std::set<std::string> seen;
  for (const auto& member : entry) {
    const auto name = member.first.as<std::string>();
    const Key* found = nullptr;
    for (const Key& key : kKeys) {
      if (name == key.name) found = &key;
    }
    if (found == nullptr) {
      std::string known;
      for (const Key& key : kKeys) absl::StrAppend(&known, known.empty() ? "" : ", ", key.name);
      return absl::InvalidArgumentError(
          absl::StrCat("'", name, "' is no setting of a stream, expected ", known));
    }
    if (!seen.insert(name).second || !member.second.IsScalar()) {
      return absl::InvalidArgumentError(absl::StrCat(name, ": expected one value"));
    }
    settings.*(found->value) = member.second.as<std::string>();
  }
  if (!settings.api_key_file.empty()) {
    settings.api_key_file = std::filesystem::path(folder) / settings.api_key_file;
  }
  return settings;
}

void Inherit(const StreamSettings& defaults, StreamSettings& settings) {
  const bool has_load =
      !settings.rate.empty() || !settings.concurrency.empty() || !settings.arrivals.empty();
  const StreamSettings own = settings;
  for (const Key& key : kKeys) {
    if ((settings.*(key.value)).empty()) settings.*(key.value) = defaults.*(key.value);
  }
  if (has_load) {
    settings.rate = own.rate;
    settings.concurrency = own.concurrency;
    settings.arrivals = own.arrivals;
  }
}

absl::Status AtLine(const std::string& path, int line, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(path, ":", line + 1, ": ", status.message()));
}

}  // namespace

absl::StatusOr<BenchStream> ParseStream(const StreamSettings& settings) {
  BenchStream stream;
  stream.name = settings.name;
  RETURN_IF_ERROR(SetLoad(settings, stream));
  RETURN_IF_ERROR(SetBudgets(settings, stream));
  RETURN_IF_ERROR(SetMethod(settings.method, stream.method));
  RETURN_IF_ERROR(SetCount("batch", settings.batch, stream.images_per_request));
  RETURN_IF_ERROR(SetDeadline(settings.deadline, stream.deadline));
  RETURN_IF_ERROR(SetSwitch("tell-deadline", settings.tell_deadline, stream.tell_deadline));
  RETURN_IF_ERROR(SetApiKey(settings, stream));
  return stream;
}

absl::StatusOr<std::vector<BenchStream>> ReadStreams(const std::string& path,
                                                     const StreamSettings& defaults) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxFileBytes));
  YAML::Node root;
  try {
    root = YAML::Load(text);
  } catch (const YAML::Exception& error) {
    return AtLine(path, error.mark.line, absl::InvalidArgumentError(error.msg));
  }
  if (!root.IsSequence() || root.size() == 0) {
    return AtLine(path, 0, absl::InvalidArgumentError("expected a list of streams"));
  }
  const std::string folder = std::filesystem::path(path).parent_path();
  std::vector<BenchStream> streams;
  std::set<std::string> names;
  for (const YAML::Node& entry : root) {
    const int line = entry.Mark().line;
    absl::StatusOr<StreamSettings> settings = ReadEntry(entry, folder);
    if (!settings.ok()) return AtLine(path, line, settings.status());
    Inherit(defaults, *settings);
    if (settings->name.empty()) settings->name = absl::StrCat(streams.size() + 1);
    if (!names.insert(settings->name).second) {
      return AtLine(path, line,
                    absl::InvalidArgumentError(
                        absl::StrCat("two streams are called '", settings->name, "'")));
    }
    absl::StatusOr<BenchStream> stream = ParseStream(*settings);
    if (!stream.ok()) return AtLine(path, line, stream.status());
    streams.push_back(*std::move(stream));
  }
  return streams;
}

}  // namespace snapvit::cli
