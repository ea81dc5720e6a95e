#include "server/options_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <map>
#include <set>

#include "core/base/file.h"
#include "server/option_table.h"

namespace snapvit {
namespace {

using testing::AllOf;
using testing::HasSubstr;

using Variables = std::map<std::string, std::string>;

absl::StatusOr<ParsedOptions> Parse(const std::vector<std::string>& args,
                                    const Variables& variables = {}) {
  return ParseOptions(args, [variables](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  });
}

// The error of a parse that must fail with INVALID_ARGUMENT.
std::string ErrorOf(const absl::StatusOr<ParsedOptions>& parsed) {
  EXPECT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument) << parsed.status();
  return std::string(parsed.status().message());
}

class OptionsFile : public testing::Test {
 protected:
  void SetUp() override {
    path_ = testing::TempDir() + "options_" + std::to_string(getpid()) + ".yaml";
  }
  void TearDown() override { std::filesystem::remove(path_); }

  std::string Write(const std::string& content) {
    EXPECT_TRUE(WriteFileAtomically(path_, content).ok());
    return path_;
  }
  std::string path_;
};

TEST(ParseOptions, TakesDefaultsWhereNothingIsGiven) {
  const ParsedOptions parsed = Parse({"--model", "m"}).value();
  EXPECT_EQ(parsed.options.model, "m");
  EXPECT_EQ(parsed.options.listen.ToString(), "127.0.0.1:50051");
  EXPECT_EQ(parsed.options.http.ToString(), "127.0.0.1:8080");
  EXPECT_EQ(parsed.options.admin_listen.ToString(), "127.0.0.1:50052");
  EXPECT_EQ(parsed.options.rungs, 31);
  EXPECT_FALSE(parsed.options.floor.has_value());
  EXPECT_FALSE(parsed.options.check);
}

TEST(ParseOptions, SlowRequestsAreOffOrADuration) {
  EXPECT_EQ(Parse({"--model=m"})->options.slow_request, absl::InfiniteDuration());
  EXPECT_EQ(Parse({"--model=m", "--slow-request", "500ms"})->options.slow_request,
            absl::Milliseconds(500));
  EXPECT_EQ(Parse({"--model=m"}, {{"SNAPVIT_SLOW_REQUEST", "2"}})->options.slow_request,
            absl::Seconds(2));
  EXPECT_EQ(Parse({"--model=m", "--slow-request=off"}, {{"SNAPVIT_SLOW_REQUEST", "2"}})
                ->options.slow_request,
            absl::InfiniteDuration());
  for (const char* bad : {"0", "-1s", "slow"}) {
    EXPECT_THAT(ErrorOf(Parse({"--model=m", "--slow-request", bad})),
                HasSubstr("expected a duration above zero such as 500ms or 2s, or off"));
  }
}

TEST(ParseOptions, TheManualNeedsNoModelAndAKnownForm) {
  EXPECT_EQ(Parse({"--manual", "bash"})->manual, ManualForm::kBash);
  EXPECT_EQ(Parse({"--manual=man"})->manual, ManualForm::kManPage);
  EXPECT_EQ(Parse({"--model=m"})->manual, std::nullopt);
  EXPECT_THAT(ErrorOf(Parse({"--manual", "tcsh"})),
              HasSubstr("--manual 'tcsh' is unknown, expected one of man|bash|zsh|fish"));
}

TEST(ParseOptions, ReadsEveryKindOfValue) {
  const ServerOptions o =
      Parse({"--model=m", "--device=cuda:1", "--dtype", "bf16", "--order-at-start=background",
             "--order-time", "90s", "--floor", "fidelity:0.8", "--threads=3", "--listen", "[::1]:0",
             "--max-message-bytes", "8MiB", "--drain-grace", "2.5", "--log-format", "json",
             "--check"})
          .value()
          .options;
  EXPECT_EQ(o.device, (DeviceRequest{DeviceRequest::Kind::kCuda, 1}));
  EXPECT_EQ(o.dtype, ExecutionDtype::kBFloat16);
  EXPECT_EQ(o.order_at_start, OrderAtStart::kBackground);
  EXPECT_EQ(o.order_time, absl::Seconds(90));
  EXPECT_EQ(std::get<FidelityTarget>(*o.floor).fidelity, 0.8);
  EXPECT_EQ(o.threads, 3);
  EXPECT_EQ(o.listen, (HostPort{"::1", 0}));
  EXPECT_EQ(o.connections.max_message_bytes, 8u << 20);
  EXPECT_EQ(o.drain_grace, absl::Milliseconds(2500));
  EXPECT_EQ(o.log_format, LogFormat::kJson);
  EXPECT_TRUE(o.check);
}

TEST_F(OptionsFile, FlagBeatsVariableBeatsFileBeatsDefault) {
  const std::string file = Write("model: from-file\nrungs: 5\nworkers: 6\nmax-images: 7\n");
  const ParsedOptions parsed =
      Parse({"--config", file, "--rungs", "9"}, {{"SNAPVIT_RUNGS", "8"}, {"SNAPVIT_WORKERS", "4"}})
          .value();
  EXPECT_EQ(parsed.options.rungs, 9);
  EXPECT_EQ(parsed.options.workers, 4);
  EXPECT_EQ(parsed.options.max_images, 7);
  EXPECT_EQ(parsed.options.model, "from-file");
  EXPECT_EQ(parsed.sources.at("rungs"), "--rungs");
  EXPECT_EQ(parsed.sources.at("workers"), "SNAPVIT_WORKERS");
  EXPECT_EQ(parsed.sources.at("max-images"), file + ":4");
  EXPECT_EQ(parsed.sources.count("threads"), 0u);
}

TEST_F(OptionsFile, FileMayComeFromTheEnvironment) {
  const std::string file = Write("model: m\nmax_images: 3\n");
  const ParsedOptions parsed = Parse({}, {{"SNAPVIT_CONFIG", file}}).value();
  EXPECT_EQ(parsed.options.max_images, 3);  // underscores are as good as dashes
}

TEST_F(OptionsFile, UnknownKeyIsAnErrorWithFileAndLine) {
  const std::string file = Write("model: m\n\nmax-imagse: 3\n");
  EXPECT_THAT(ErrorOf(Parse({"--config", file})), HasSubstr(file + ":3: unknown key 'max-imagse'"));
}

TEST_F(OptionsFile, BadValueIsAnErrorWithFileAndLine) {
  const std::string file = Write("model: m\nworkers: many\n");
  EXPECT_THAT(
      ErrorOf(Parse({"--config", file})),
      HasSubstr(file + ":2: workers is 'many', expected auto or a whole number from 1 to 256"));
}

TEST_F(OptionsFile, RefusesWhatIsNotOneMappingOfPlainValues) {
  EXPECT_THAT(ErrorOf(Parse({"--config", Write("- a\n- b\n")})),
              HasSubstr(":1: expected one mapping"));
  EXPECT_THAT(ErrorOf(Parse({"--config", Write("model: m\nrungs: [1, 2]\n")})),
              HasSubstr(":2: rungs has no plain value"));
  EXPECT_THAT(ErrorOf(Parse({"--config", Write("model: m\nrungs: 3\nrungs: 4\n")})),
              HasSubstr(":3: rungs was given before, in line 2"));
  EXPECT_THAT(ErrorOf(Parse({"--config", Write("model: m\nrungs: [1, 2\n")})),
              HasSubstr("is not YAML"));
  // The parser takes it for empty documents without end.
  EXPECT_THAT(ErrorOf(Parse({"--config", Write("[model] ,")})), HasSubstr("one document"));
}

// A tag takes the value's place: "policy: !elastic" has none.
TEST_F(OptionsFile, TagsAreErrorsAndQuotesAreNot) {
  const std::string tagged = Write("model: m\npolicy: !elastic\n");
  EXPECT_THAT(ErrorOf(Parse({"--config", tagged})),
              HasSubstr(":2: policy has the tag !elastic, expected KEY: VALUE"));
  const std::string quoted = Write("model: 'm'\npolicy: \"lowest\"\n");
  EXPECT_EQ(Parse({"--config", quoted}).value().options.policy, "lowest");
  const std::string empty = Write("model: m\npolicy: ''\n");
  EXPECT_THAT(ErrorOf(Parse({"--config", empty})), HasSubstr(":2: policy is '', expected elastic"));
}

TEST_F(OptionsFile, AnEmptyFileSetsNothing) {
  EXPECT_TRUE(Parse({"--config", Write("# nothing yet\n"), "--model", "m"}).ok());
}

TEST(ParseOptions, AbsentFileIsAnErrorThatNamesIt) {
  const auto parsed = Parse({"--model", "m", "--config", "/nonexistent/server.yaml"});
  EXPECT_THAT(std::string(parsed.status().message()), HasSubstr("/nonexistent/server.yaml"));
}

TEST(ParseOptions, BadValuesNameSourceValueAndExpectation) {
  EXPECT_THAT(ErrorOf(Parse({"--model", "m", "--max-images", "0"})),
              HasSubstr("--max-images is '0', expected a whole number from 1 to"));
  EXPECT_THAT(ErrorOf(Parse({"--model", "m"}, {{"SNAPVIT_MAX_IMAGES", "-1"}})),
              HasSubstr("SNAPVIT_MAX_IMAGES is '-1', expected"));
  EXPECT_THAT(ErrorOf(Parse({"--model", "m", "--dtype", "fp8"})),
              HasSubstr("--dtype is 'fp8', expected one of auto, fp32, bf16, int8"));
  EXPECT_THAT(ErrorOf(Parse({"--model", "m", "--listen", "50051"})),
              HasSubstr("--listen is '50051', expected HOST:PORT"));
  EXPECT_THAT(ErrorOf(Parse({"--model", "m", "--floor", "2"})),
              HasSubstr("--floor is '2', expected"));
  EXPECT_THAT(ErrorOf(Parse({"--model", "m", "--max-message-bytes", "9999999999999999999GiB"})),
              HasSubstr("--max-message-bytes is"));
  EXPECT_THAT(ErrorOf(Parse({"--model", "m", "--drain-grace", "nan"})),
              HasSubstr("--drain-grace is"));
  EXPECT_THAT(ErrorOf(Parse({"--model", "m", "--order-time", "0"})), HasSubstr("--order-time is"));
}

TEST(ParseOptions, OptionsOfEncryptionGoTogether) {
  const auto error = [](std::vector<std::string> args) {
    args.insert(args.begin(), {"--model", "m"});
    return ErrorOf(Parse(args));
  };
  EXPECT_THAT(error({"--tls-cert", "c"}), HasSubstr("--tls-cert is given without --tls-key"));
  EXPECT_THAT(error({"--tls-key", "k"}), HasSubstr("--tls-key is given without --tls-cert"));
  EXPECT_THAT(error({"--tls-client-ca", "a"}), HasSubstr("expected all three"));
  EXPECT_THAT(error({"--tls-client-auth", "request"}), HasSubstr("request without --tenants"));
  EXPECT_TRUE(Parse({"--model", "m", "--tls-cert", "c", "--tls-key", "k", "--tls-client-ca", "a",
                     "--tls-client-auth", "request", "--tenants", "t"})
                  .ok());
}

TEST(ParseOptions, LimitsOfConnectionsAreTimesOrUnlimited) {
  const auto parsed = Parse({"--model", "m", "--connection-age", "2h", "--keepalive", "unlimited",
                             "--reply-time", "500ms", "--max-header-bytes", "8KiB"});
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->options.connections.connection_age, absl::Hours(2));
  EXPECT_EQ(parsed->options.connections.keepalive, absl::InfiniteDuration());
  EXPECT_EQ(parsed->options.reply_time, absl::Milliseconds(500));
  EXPECT_EQ(parsed->options.connections.max_header_bytes, 8U << 10);
  EXPECT_THAT(ErrorOf(Parse({"--model", "m", "--stream-idle", "0"})),
              HasSubstr("--stream-idle is"));
  EXPECT_THAT(ErrorOf(Parse({"--model", "m", "--max-message-memory", "100MiB"})),
              AllOf(HasSubstr("--max-message-memory is 100MiB"), HasSubstr("64MiB")));
}

TEST(ParseOptions, SaysWhatIsNotBuiltIn) {
  EXPECT_THAT(ErrorOf(Parse({"--model", "m", "--policy", "fastest"})),
              HasSubstr("--policy is 'fastest', expected elastic"));
  EXPECT_THAT(ErrorOf(Parse({"--model", "m", "--device", "gpu"})),
              HasSubstr("expected auto, cpu, cuda or cuda:N"));
  EXPECT_THAT(ErrorOf(Parse({"--model", "m", "--corrections", "some"})),
              HasSubstr("none, bias or full"));
}

TEST(ParseOptions, RefusesMalformedCommandLines) {
  EXPECT_THAT(ErrorOf(Parse({"--model", "m", "--rugs", "3"})), HasSubstr("unknown flag --rugs"));
  EXPECT_THAT(ErrorOf(Parse({"--model", "m", "--rungs"})), HasSubstr("--rungs has no value"));
  EXPECT_THAT(ErrorOf(Parse({"--model", "m", "extra"})), HasSubstr("unexpected argument 'extra'"));
  EXPECT_THAT(ErrorOf(Parse({"--model", "m", "--rungs=3", "--rungs=4"})), HasSubstr("given twice"));
  EXPECT_THAT(ErrorOf(Parse({})), HasSubstr("no model: expected --model DIR"));
}

TEST(ParseOptions, EmptyVariableCountsAsNotSet) {
  EXPECT_EQ(Parse({"--model", "m"}, {{"SNAPVIT_RUNGS", ""}}).value().options.rungs, 31);
}

TEST(ParseOptions, HelpNeedsNothingElse) {
  EXPECT_TRUE(Parse({"--help"}).value().help);
  EXPECT_TRUE(Parse({"--version"}).value().version);
}

TEST(ParseOptions, ASimulatedEngineNeedsAProfileAndNoModel) {
  const ParsedOptions parsed = Parse({"--engine", "simulated:p.json"}).value();
  EXPECT_EQ(parsed.options.simulated_profile, "p.json");
  EXPECT_THAT(PrintOptions(parsed), HasSubstr("engine: simulated:p.json"));
  EXPECT_EQ(Parse({"--model", "m", "--engine", "real"}).value().options.simulated_profile, "");
  for (const char* bad : {"fast", "simulated", "simulated:"}) {
    EXPECT_THAT(ErrorOf(Parse({"--engine", bad})), HasSubstr("simulated:PROFILE.json"));
  }
}

TEST(OptionsHelp, ListsEveryOptionWithItsDefault) {
  const std::string help = OptionsHelp();
  for (const OptionRow& row : OptionTable()) {
    EXPECT_THAT(help, HasSubstr(std::string("  --") + row.name)) << row.name;
  }
  EXPECT_THAT(help, HasSubstr("[default: 127.0.0.1:50051]"));
}

TEST(OptionTable, NamesAreUniqueAndDefaultsReadBack) {
  std::set<std::string> names;
  const ServerOptions defaults;
  for (const OptionRow& row : OptionTable()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    const std::string value = row.get(defaults);
    ServerOptions copy;
    if (!value.empty()) {
      EXPECT_TRUE(row.set(value, copy).ok()) << row.name << " " << value;
    }
    EXPECT_EQ(row.get(copy), value) << row.name;
  }
}

TEST_F(OptionsFile, PrintedConfigurationReadsBack) {
  const ParsedOptions parsed =
      Parse({"--model", "a dir: with #odd 'name'", "--rungs", "7", "--floor", "0.4"},
            {{"SNAPVIT_THREADS", "2"}})
          .value();
  const std::string text = PrintOptions(parsed);
  EXPECT_THAT(text, HasSubstr("rungs: 7  # --rungs"));
  EXPECT_THAT(text, HasSubstr("threads: 2  # SNAPVIT_THREADS"));
  EXPECT_THAT(text, HasSubstr("workers: auto  # default"));
  const ServerOptions again = Parse({"--config", Write(text)}).value().options;
  for (const OptionRow& row : OptionTable()) {
    EXPECT_EQ(row.get(again), row.get(parsed.options)) << row.name;
  }
}

}  // namespace
}  // namespace snapvit
