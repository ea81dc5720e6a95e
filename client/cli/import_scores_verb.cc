// snapvit import-scores: a published SnapViT score file as an ordering file.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "client/cli/output_file.h"
#include "client/cli/verb.h"
#include "core/base/status_macros.h"
#include "core/elastic/ordering.h"
#include "core/model/model_folder.h"
#include "core/snapvit/published_scores.h"

namespace snapvit::cli {
namespace {

struct ImportFlags {
  std::string file;
  std::string output;
  std::string model;  // empty: not checked
};

absl::StatusOr<ExitStatus> RunImport(const ImportFlags& flags) {
  RETURN_IF_ERROR(CheckOutputFile("--output", flags.output));
  ASSIGN_OR_RETURN(const Ordering ordering, ReadPublishedScores(flags.file));
  if (!flags.model.empty()) {
    ASSIGN_OR_RETURN(const ModelFolder folder, LoadModelFolder(flags.model));
    RETURN_IF_ERROR(CheckOrderingFits(ordering, folder.config, kAnyModel));
  }
  RETURN_IF_ERROR(WriteOrdering(ordering, flags.output));
  std::printf("%s: ordering %s of %d blocks, %d channels and %d heads each, from %s\n",
              flags.output.c_str(), ordering.Id().c_str(), ordering.blocks, ordering.hidden,
              ordering.heads, ordering.calibration_source.c_str());
  return ExitStatus::kDone;
}

}  // namespace

void AddImportScoresVerb(CLI::App& app, RunVerb& chosen) {
  const auto flags = std::make_shared<ImportFlags>();
  CLI::App* verb = app.add_subcommand(
      "import-scores", "Convert a published SnapViT score file (.pt) to an ordering file");
  verb->add_option("file", flags->file, "Score file")->required()->type_name("FILE.pt");
  verb->add_option("-o,--output", flags->output, "Ordering file to write")
      ->required()
      ->type_name("FILE");
  verb->add_option("--model", flags->model, "Model folder whose shape the scores must have")
      ->type_name("DIR");
  verb->callback([flags, &chosen] { chosen = [flags] { return RunImport(*flags); }; });
}

}  // namespace snapvit::cli
