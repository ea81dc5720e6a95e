// Verb: a subcommand of `snapvit`. Each has its own file, which adds its flags and, when it is the
// one on the command line, hands over what to run.
#ifndef SNAPVIT_CLIENT_CLI_VERB_H_
#define SNAPVIT_CLIENT_CLI_VERB_H_

#include <functional>

#include "absl/status/statusor.h"

namespace CLI {
class App;
}

namespace snapvit::cli {

// What the process returns (docs of the command line: README.md).
enum class ExitStatus {
  kDone = 0,
  kSomeFailed = 1,   // some items failed; the others are done
  kNothingDone = 2,  // wrong usage, or nothing done
};

// Runs the verb; blocks. An error is printed by main and means kNothingDone.
using RunVerb = std::function<absl::StatusOr<ExitStatus>()>;

// Each adds its subcommand to `app`. Parsing sets `chosen` if that subcommand was given; `chosen`
// must live as long as `app`.
void AddOrderVerb(CLI::App& app, RunVerb& chosen);
void AddInspectVerb(CLI::App& app, RunVerb& chosen);
void AddImportScoresVerb(CLI::App& app, RunVerb& chosen);
void AddKeepVerb(CLI::App& app, RunVerb& chosen);
void AddEmbedVerb(CLI::App& app, RunVerb& chosen);
void AddClassifyVerb(CLI::App& app, RunVerb& chosen);
void AddProfileVerb(CLI::App& app, RunVerb& chosen);
void AddEvaluateVerb(CLI::App& app, RunVerb& chosen);
void AddBenchVerb(CLI::App& app, RunVerb& chosen);

// The exit status of a verb that did `done` items and failed at `failed` others.
inline ExitStatus StatusOfItems(size_t done, size_t failed) {
  if (failed == 0) return ExitStatus::kDone;
  return done > 0 ? ExitStatus::kSomeFailed : ExitStatus::kNothingDone;
}

}  // namespace snapvit::cli

#endif  // SNAPVIT_CLIENT_CLI_VERB_H_
