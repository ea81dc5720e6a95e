#include "client/cli/command_line.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "client/cli/verb.h"
#include "client/cli/verb_manual.h"

namespace snapvit::cli {

int RunCommandLine(int argc, const char* const* argv) {
  CLI::App app(
      "snapvit: pretrained Vision Transformers at any compute budget. Local verbs load a model "
      "folder\n"
      "(--model), remote verbs ask a server (--target).\n"
      "Exit status: 0 all done, 1 some items failed, 2 wrong usage or nothing done.");
  app.set_version_flag("--version", "snapvit " SNAPVIT_VERSION);
  app.require_subcommand(0, 1);  // none: see below, so that a misspelt one is named in the message
  std::string manual;
  app.add_option("--manual", manual, "Print the manual page, or completion for a shell, and exit")
      ->check(CLI::IsMember({"man", "bash", "zsh", "fish"}));
  RunVerb chosen;
  AddEmbedVerb(app, chosen);
  AddClassifyVerb(app, chosen);
  AddInspectVerb(app, chosen);
  AddOrderVerb(app, chosen);
  AddImportScoresVerb(app, chosen);
  AddKeepVerb(app, chosen);
  AddEvaluateVerb(app, chosen);
  AddProfileVerb(app, chosen);
  AddBenchVerb(app, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const bool asked_for_help = app.exit(error) == 0;
    return static_cast<int>(asked_for_help ? ExitStatus::kDone : ExitStatus::kNothingDone);
  }
  if (!manual.empty()) {
    std::fputs(RenderManual(DescribeCommandLine(app), *ParseManualForm(manual)).c_str(), stdout);
    return static_cast<int>(ExitStatus::kDone);
  }
  if (!chosen) {
    std::fputs(app.help().c_str(), stderr);
    return static_cast<int>(ExitStatus::kNothingDone);
  }
  const absl::StatusOr<ExitStatus> status = chosen();
  if (status.ok()) return static_cast<int>(*status);
  std::fprintf(stderr, "snapvit %s: %s\n", app.get_subcommands().front()->get_name().c_str(),
               std::string(status.status().message()).c_str());
  return static_cast<int>(ExitStatus::kNothingDone);
}

}  // namespace snapvit::cli
