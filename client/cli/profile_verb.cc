// snapvit profile: measured latency and throughput of a model on this machine, per budget and
// batch.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>

#include "client/cli/budget_list.h"
#include "client/cli/delayed_progress.h"
#include "client/cli/local_rung.h"
#include "client/cli/model_flags.h"
#include "client/cli/open_model.h"
#include "client/cli/profile_report.h"
#include "client/cli/uniform_ordering.h"
#include "client/cli/verb.h"
#include "core/base/status_macros.h"

namespace snapvit::cli {
namespace {

struct ProfileFlags {
  ModelFlags model;
  std::string budgets = "1,0.75,0.5,0.25";
  std::vector<int> batches = {1, 4, 16};
  int repetitions = 20;
  bool json = false;
};

bool HasUniformCounts(const ElasticModel& model) {
  return model.ordering() != nullptr && model.ordering()->recipe == kUniformRecipe;
}

// The options that measure the rungs of `receipts`, each once.
ProfileOptions ToOptions(const ProfileFlags& flags, const std::vector<client::Receipt>& receipts) {
  ProfileOptions options;
  options.batches = flags.batches;
  std::sort(options.batches.begin(), options.batches.end());
  options.repetitions = flags.repetitions;
  for (const client::Receipt& receipt : receipts) {
    options.rungs.push_back(static_cast<int>(receipt.rung));
  }
  std::sort(options.rungs.begin(), options.rungs.end());
  options.rungs.erase(std::unique(options.rungs.begin(), options.rungs.end()), options.rungs.end());
  return options;
}

absl::StatusOr<ProfileReport> Profile(const ProfileFlags& flags) {
  ASSIGN_OR_RETURN(const std::vector<NamedBudget> budgets, ParseBudgetList(flags.budgets));
  ASSIGN_OR_RETURN(const ElasticLoaderOptions loader, ToLoaderOptions(flags.model));
  ASSIGN_OR_RETURN(const std::unique_ptr<ComputeThread> compute,
                   ComputeThread::Create(flags.model.threads));
  const OrderingNeed need = AllDense(budgets) ? OrderingNeed::kNone : OrderingNeed::kOrUniform;
  ASSIGN_OR_RETURN(const std::shared_ptr<const ElasticModel> model,
                   OpenModel(loader, need, *compute));
  RungChooser chooser(model, *compute);
  std::vector<client::Receipt> receipts;
  for (const NamedBudget& named : budgets) {
    ASSIGN_OR_RETURN(receipts.emplace_back(), chooser.Choose(named.budget));
  }
  const ProfileOptions options = ToOptions(flags, receipts);
  ASSIGN_OR_RETURN(const std::vector<ProfileCell> cells, compute->Run([&] {
    return ProfileEngine(compute->engine(), model, options, DelayedProgress("profile"));
  }));
  ProfileReport report{model->name(),
                       model->device(),
                       flags.model.dtype,
                       compute->engine().threads_per_worker(),
                       HasUniformCounts(*model),
                       {}};
  for (size_t i = 0; i < budgets.size(); ++i) {
    for (const ProfileCell& cell : cells) {
      if (cell.rung != static_cast<int>(receipts[i].rung)) continue;
      report.rows.push_back(
          {budgets[i].text, receipts[i].served_compute, receipts[i].gflops, cell});
    }
  }
  return report;
}

absl::StatusOr<ExitStatus> RunProfile(const ProfileFlags& flags) {
  ASSIGN_OR_RETURN(const ProfileReport report, Profile(flags));
  if (report.uniform) {
    std::fputs(
        "note: no ordering was found, so the keep counts are uniform over the blocks: the times "
        "hold,\nbut an ordering's own keep counts would differ a little (snapvit order makes "
        "one)\n",
        stderr);
  }
  if (flags.json) {
    PrintJson(report.ToJson());
  } else {
    std::fputs(report.ToText().c_str(), stdout);
  }
  return ExitStatus::kDone;
}

}  // namespace

void AddProfileVerb(CLI::App& app, RunVerb& chosen) {
  const auto flags = std::make_shared<ProfileFlags>();
  CLI::App* verb =
      app.add_subcommand("profile", "Measured latency and throughput, per budget and batch size");
  AddModelFlags(*verb, flags->model);
  verb->get_option("--model")->required();
  verb->add_option("--budgets", flags->budgets, "Budgets, separated by commas")
      ->type_name("B,…")
      ->capture_default_str();
  verb->add_option("--batches", flags->batches, "Images per batch, separated by commas")
      ->delimiter(',')
      ->check(CLI::Range(1, 4096))
      ->type_name("N,…")
      ->capture_default_str();
  verb->add_option("--repetitions", flags->repetitions, "Timed runs of each budget and batch size")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  verb->add_flag("--json", flags->json, "One JSON document on standard output");
  verb->callback([flags, &chosen] { chosen = [flags] { return RunProfile(*flags); }; });
}

}  // namespace snapvit::cli
