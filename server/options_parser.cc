#include "server/options_parser.h"

#include <cstdlib>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "core/base/file.h"
#include "core/base/status_macros.h"
#include "server/option_table.h"
#include "server/option_values.h"
#include "server/options_yaml.h"

namespace snapvit {
namespace {

constexpr char kConfigVariable[] = "SNAPVIT_CONFIG";
constexpr size_t kMaxConfigBytes = 1 << 20;

// One option's text and where it was found, before it is applied.
struct Assignment {
  const OptionRow* row = nullptr;
  std::string source;  // "--rungs", "SNAPVIT_RUNGS", "server.yaml:3"
  std::string value;
};

absl::Status Apply(const Assignment& assignment, ParsedOptions& parsed) {
  const absl::Status status = assignment.row->set(assignment.value, parsed.options);
  if (!status.ok()) {
    // A line of a file does not say which option it is about, a flag or a variable does.
    const bool from_file = absl::StrContains(assignment.source, ':');
    return absl::InvalidArgumentError(absl::StrCat(
        assignment.source, from_file ? ": " : " ", from_file ? assignment.row->name : "",
        from_file ? " " : "", std::string(status.message())));
  }
  parsed.sources[assignment.row->name] = assignment.source;
  return absl::OkStatus();
}

struct Flags {
  std::vector<Assignment> assignments;
  std::optional<std::string> config;
  bool help = false;
  bool version = false;
  std::optional<ManualForm> manual;
};

// Splits "--name=value", or takes the value from the next argument.
class FlagReader {
 public:
  explicit FlagReader(const std::vector<std::string>& args) : args_(args) {}

  absl::StatusOr<Flags> Read() {
    for (; next_ < args_.size(); ++next_) RETURN_IF_ERROR(ReadOne(args_[next_]));
    return std::move(flags_);
  }

 private:
  absl::Status ReadOne(const std::string& arg) {
    if (arg == "--help" || arg == "-h") {
      flags_.help = true;
      return absl::OkStatus();
    }
    if (arg == "--version") {
      flags_.version = true;
      return absl::OkStatus();
    }
    const std::vector<std::string> parts = absl::StrSplit(arg, absl::MaxSplits('=', 1));
    if (!absl::StartsWith(arg, "--")) {
      return absl::InvalidArgumentError(
          absl::StrCat("unexpected argument '", arg, "', expected --NAME VALUE (see --help)"));
    }
    const std::string name = parts[0].substr(2);
    const bool in_table = name != "config" && name != "manual";
    const OptionRow* row = in_table ? FindOption(name) : nullptr;
    if (in_table && row == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("unknown flag ", parts[0], " (see --help for all flags)"));
    }
    const bool is_switch = row != nullptr && row->is_switch();
    ASSIGN_OR_RETURN(std::string value, Value(parts, is_switch));
    return Store(parts[0], row, std::move(value));
  }

  absl::StatusOr<std::string> Value(const std::vector<std::string>& parts, bool is_switch) {
    if (parts.size() == 2) return parts[1];
    if (is_switch) return std::string("true");
    if (next_ + 1 == args_.size()) {
      return absl::InvalidArgumentError(absl::StrCat(parts[0], " has no value (see --help)"));
    }
    return args_[++next_];
  }

  absl::Status Store(const std::string& flag, const OptionRow* row, std::string value) {
    if (!seen_.insert(flag).second) {
      return absl::InvalidArgumentError(absl::StrCat(flag, " is given twice"));
    }
    if (row != nullptr) {
      flags_.assignments.push_back({row, absl::StrCat("--", row->name), std::move(value)});
    } else if (flag == "--config") {
      flags_.config = std::move(value);
    } else if (!(flags_.manual = ParseManualForm(value)).has_value()) {
      return absl::InvalidArgumentError(
          absl::StrCat(flag, " '", value, "' is unknown, expected one of ", kManualForms));
    }
    return absl::OkStatus();
  }

  const std::vector<std::string>& args_;
  size_t next_ = 0;
  Flags flags_;
  std::set<std::string> seen_;
};

std::optional<std::string> NonEmpty(std::optional<std::string> value) {
  return value.has_value() && value->empty() ? std::nullopt : value;
}

absl::Status ApplyFile(const std::string& path, ParsedOptions& parsed) {
  ASSIGN_OR_RETURN(const std::string content, ReadFile(path, kMaxConfigBytes));
  ASSIGN_OR_RETURN(const std::vector<YamlEntry> entries, ParseOptionsYaml(content, path));
  for (const YamlEntry& entry : entries) {
    const OptionRow* row = FindOption(entry.key);
    const std::string source = absl::StrCat(path, ":", entry.line);
    if (row == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat(source, ": unknown key '", entry.key, "' (keys are the flags of --help)"));
    }
    RETURN_IF_ERROR(Apply({row, source, entry.value}, parsed));
  }
  return absl::OkStatus();
}

// What options must be together.
absl::Status CheckTogether(const ServerOptions& options) {
  if (options.model.empty() && options.simulated_profile.empty()) {
    return absl::InvalidArgumentError(
        "no model: expected --model DIR (or SNAPVIT_MODEL, or the key model in --config)");
  }
  if (options.tls_cert.empty() != options.tls_key.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(options.tls_cert.empty()
                                                       ? "--tls-key is given without --tls-cert"
                                                       : "--tls-cert is given without --tls-key",
                                                   ", expected both or none"));
  }
  if (!options.tls_client_ca.empty() && options.tls_cert.empty()) {
    return absl::InvalidArgumentError(
        "--tls-client-ca is given without --tls-cert and --tls-key, expected all three");
  }
  const ConnectionLimits& limits = options.connections;
  if (limits.max_message_memory / 2 < limits.max_message_bytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--max-message-memory is ", FormatBytes(limits.max_message_memory),
        ", expected at least twice --max-message-bytes, ", FormatBytes(limits.max_message_bytes)));
  }
  if (options.tls_client_auth == TlsClientAuth::kRequest && options.tenants.empty()) {
    return absl::InvalidArgumentError(
        "--tls-client-auth is request without --tenants: clients without a certificate would be "
        "let in, expected require, or a tenants file that says who else may");
  }
  return absl::OkStatus();
}

// `text` broken into lines of at most `width`, each after the first indented.
std::string Wrap(const std::string& text, size_t indent, size_t width) {
  std::string result;
  size_t column = 0;
  for (const absl::string_view word : absl::StrSplit(text, ' ')) {
    if (column > 0 && indent + column + 1 + word.size() > width) {
      absl::StrAppend(&result, "\n", std::string(indent, ' '));
      column = 0;
    }
    absl::StrAppend(&result, column > 0 ? " " : "", word);
    column += word.size() + (column > 0 ? 1 : 0);
  }
  return result;
}

}  // namespace

Environment ProcessEnvironment() {
  return [](const std::string& name) -> std::optional<std::string> {
    // Read once at start, before there are threads.
    const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe)
    if (value == nullptr) return std::nullopt;
    return std::string(value);
  };
}

absl::StatusOr<ParsedOptions> ParseOptions(const std::vector<std::string>& args,
                                           const Environment& environment) {
  ASSIGN_OR_RETURN(const Flags flags, FlagReader(args).Read());
  ParsedOptions parsed;
  parsed.help = flags.help;
  parsed.version = flags.version;
  parsed.manual = flags.manual;
  if (flags.help || flags.version || flags.manual.has_value()) return parsed;

  const std::optional<std::string> config =
      flags.config.has_value() ? flags.config : NonEmpty(environment(kConfigVariable));
  if (config.has_value()) RETURN_IF_ERROR(ApplyFile(*config, parsed));
  for (const OptionRow& row : OptionTable()) {
    const std::optional<std::string> value = NonEmpty(environment(row.Variable()));
    if (value.has_value()) RETURN_IF_ERROR(Apply({&row, row.Variable(), *value}, parsed));
  }
  for (const Assignment& assignment : flags.assignments) {
    RETURN_IF_ERROR(Apply(assignment, parsed));
  }
  RETURN_IF_ERROR(CheckTogether(parsed.options));
  return parsed;
}

std::string OptionsHelp() {
  std::string text =
      "snapvit-server: serves one Vision Transformer at any compute budget over gRPC.\n\n"
      "Usage: snapvit-server --model DIR [OPTIONS]\n\n"
      "Each option is a flag (--max-images 8), a variable (SNAPVIT_MAX_IMAGES=8) and a key of the\n"
      "configuration file (max-images: 8). A flag beats a variable, a variable beats the file.\n\n"
      "  --config FILE\n        YAML file with options.\n"
      "  --help, --version\n        Print this text, or the version, and exit.\n"
      "  --manual man|bash|zsh|fish\n        Print the manual page, or completion for a shell, and "
      "exit.\n";
  const ServerOptions defaults;
  std::string group;
  for (const OptionRow& row : OptionTable()) {
    if (group != row.group) absl::StrAppend(&text, "\n", row.group, ":\n");
    group = row.group;
    const std::string value = row.is_switch() ? "" : row.get(defaults);
    const std::string shown = value.empty() ? "" : absl::StrCat(" [default: ", value, "]");
    absl::StrAppend(&text, "  --", row.name, row.is_switch() ? "" : " ", row.placeholder,
                    "\n        ", Wrap(absl::StrCat(row.help, shown), 8, 96), "\n");
  }
  return text;
}

std::string PrintOptions(const ParsedOptions& parsed) {
  std::string text;
  for (const OptionRow& row : OptionTable()) {
    if (row.is_switch()) continue;
    const std::string value = row.get(parsed.options);
    const auto source = parsed.sources.find(row.name);
    const std::string comment = source == parsed.sources.end() ? "default" : source->second;
    absl::StrAppend(&text, value.empty() ? "# " : "", row.name, ": ", YamlScalar(value), "  # ",
                    value.empty() ? "not set" : comment, "\n");
  }
  return text;
}

}  // namespace snapvit
