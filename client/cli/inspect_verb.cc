// snapvit inspect: a model folder, an ordering file, or a server's model, as a table or JSON.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "client/cli/flag_group.h"
#include "client/cli/json_output.h"
#include "client/cli/model_flags.h"
#include "client/cli/open_model.h"
#include "client/cli/remote_flags.h"
#include "client/cli/text_table.h"
#include "client/cli/verb.h"
#include "client/client.h"
#include "core/base/status_macros.h"

namespace snapvit::cli {
namespace {

constexpr absl::Duration kTimeout = absl::Seconds(60);

struct InspectFlags {
  std::string path;  // model folder or ordering file
  RemoteFlags remote;
  ModelFlags model;
  bool json = false;

  // What means something to a model folder, and to a server.
  FlagGroup folder_only;
  FlagGroup remote_only;
};

std::string LadderText(const std::vector<RungDescription>& ladder) {
  TextTable table({{"rung"},
                   {"compute"},
                   {"GFLOP"},
                   {"MLP removed"},
                   {"heads removed"},
                   {"sparsity"},
                   {"fidelity"},
                   {"agreement"},
                   {"overlap@10"},
                   {"corrections"}});
  for (auto rung = ladder.rbegin(); rung != ladder.rend(); ++rung) {
    table.AddRow({absl::StrFormat("%d", rung->rung), FormatNumber(rung->compute, 4),
                  FormatNumber(rung->gflops, 3), FormatNumber(rung->mlp_ratio, 3),
                  FormatNumber(rung->head_ratio, 3), FormatNumber(rung->sparsity, 3),
                  FormatNumber(rung->fidelity, 4), FormatNumber(rung->agreement, 4),
                  FormatNumber(rung->overlap, 4), FormatNumber(rung->correction_share, 4)});
  }
  return table.ToText();
}

void Print(const ModelDescription& model, bool json) {
  if (json) return PrintJson(InspectJson(model));
  std::printf("%s: %s, %.2f M parameters, %.3f GFLOP per image of %s\n", model.name.c_str(),
              model.architecture.c_str(), static_cast<double>(model.parameters) * 1e-6,
              model.gflops, absl::StrJoin(model.input_size, " x ").c_str());
  std::printf("%d blocks of %d heads and %d MLP channels; embeddings of %d; %d classes\n",
              model.blocks, model.heads, model.hidden, model.embedding_dim, model.classes);
  if (!model.state.empty()) std::printf("state %s\n", model.state.c_str());
  const std::string origin =
      model.calibration_source.empty() ? "" : " from " + model.calibration_source;
  std::printf("ordering %s%s\n\n", model.ordering_id.c_str(), origin.c_str());
  std::fputs(LadderText(model.ladder).c_str(), stdout);
}

void Print(const std::string& path, const Ordering& ordering, bool json) {
  if (json) return PrintJson(InspectJson(path, ordering));
  std::printf("%s: ordering %s of %d blocks, %d heads and %d MLP channels each\n", path.c_str(),
              ordering.Id().c_str(), ordering.blocks, ordering.heads, ordering.hidden);
  std::printf("recipe %s, seed %llu, from %s, for model %s\n\n", ordering.recipe.c_str(),
              static_cast<unsigned long long>(ordering.seed), ordering.calibration_source.c_str(),
              ordering.model_fingerprint.c_str());
  TextTable table({{"compute"}, {"fidelity"}, {"±"}, {"agreement"}, {"overlap@10"}});
  const FidelityCurve& curve = ordering.fidelity;
  for (size_t i = curve.compute.size(); i-- > 0;) {
    table.AddRow({FormatNumber(curve.compute[i], 4), FormatNumber(curve.fidelity[i], 4),
                  FormatNumber(curve.standard_error[i], 4),
                  curve.agreement.empty() ? "-" : FormatNumber(curve.agreement[i], 4),
                  curve.overlap.empty() ? "-" : FormatNumber(curve.overlap[i], 4)});
  }
  std::fputs(table.ToText().c_str(), stdout);
}

absl::Status InspectServer(const InspectFlags& flags) {
  ASSIGN_OR_RETURN(client::ClientOptions options, ToClientOptions(flags.remote));
  ASSIGN_OR_RETURN(const std::unique_ptr<client::Client> client,
                   client::Client::Create(std::move(options)));
  ASSIGN_OR_RETURN(const v1::ModelInfo info, client->GetModel("", kTimeout));
  Print(Describe(info), flags.json);
  return absl::OkStatus();
}

absl::Status InspectFolder(const InspectFlags& flags) {
  ASSIGN_OR_RETURN(const ElasticLoaderOptions loader, ToLoaderOptions(flags.model));
  ASSIGN_OR_RETURN(const std::unique_ptr<ComputeThread> compute, ComputeThread::Create(1));
  ASSIGN_OR_RETURN(const std::shared_ptr<const ElasticModel> model,
                   OpenModel(loader, OrderingNeed::kIfThere, *compute));
  if (model->ordering() == nullptr) {
    std::fputs(
        "note: no ordering was found, so the ladder is the dense model alone "
        "(snapvit order makes one)\n",
        stderr);
  }
  Print(Describe(*model), flags.json);
  return absl::OkStatus();
}

absl::StatusOr<ExitStatus> RunInspect(InspectFlags flags) {
  if (flags.path.empty() == flags.remote.target.empty()) {
    return absl::InvalidArgumentError("give either a model folder or ordering file, or --target");
  }
  std::error_code ignored;
  if (!flags.remote.target.empty()) {
    RETURN_IF_ERROR(CheckNotGiven(flags.folder_only, "a model folder", "--target"));
    RETURN_IF_ERROR(InspectServer(flags));
    return ExitStatus::kDone;
  }
  RETURN_IF_ERROR(CheckNotGiven(flags.remote_only, "--target", "a folder or file"));
  if (std::filesystem::is_directory(flags.path, ignored)) {
    flags.model.model = flags.path;
    RETURN_IF_ERROR(InspectFolder(flags));
  } else {
    ASSIGN_OR_RETURN(const Ordering ordering, ReadOrdering(flags.path));
    RETURN_IF_ERROR(CheckNotGiven(flags.folder_only, "a model folder", "an ordering file"));
    Print(flags.path, ordering, flags.json);
  }
  return ExitStatus::kDone;
}

}  // namespace

void AddInspectVerb(CLI::App& app, RunVerb& chosen) {
  const auto flags = std::make_shared<InspectFlags>();
  CLI::App* verb = app.add_subcommand("inspect", "Show a model and its ladder, or an ordering");
  verb->add_option("path", flags->path, "Model folder or ordering file")->type_name("DIR|FILE");
  flags->remote_only = AddRemoteFlags(*verb, flags->remote);
  flags->folder_only = {
      verb->add_option("--ordering", flags->model.ordering, "Ordering file of the model folder")
          ->type_name("FILE"),
      verb->add_option("--cache-dir", flags->model.cache_dir, "Folder of computed orderings")
          ->type_name("DIR"),
      verb->add_option("--rungs", flags->model.rungs, "Ladder targets between compute 1 and 0.25")
          ->check(CLI::Range(1, 1024))
          ->capture_default_str(),
  };
  verb->add_flag("--json", flags->json, "One JSON document on standard output");
  verb->callback([flags, &chosen] { chosen = [flags] { return RunInspect(*flags); }; });
}

}  // namespace snapvit::cli
