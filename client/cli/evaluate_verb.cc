// snapvit evaluate: what each budget is worth on labelled images, as a table, CSV, JSON and a plot.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "client/cli/budget_list.h"
#include "client/cli/delayed_progress.h"
#include "client/cli/evaluation_report.h"
#include "client/cli/local_rung.h"
#include "client/cli/model_flags.h"
#include "client/cli/open_model.h"
#include "client/cli/verb.h"
#include "core/base/file.h"
#include "core/base/status_macros.h"
#include "core/engine/profile.h"

namespace snapvit::cli {
namespace {

struct EvaluateFlags {
  ModelFlags model;
  std::string images;
  std::string train;  // empty: no k-NN
  std::string budgets = "1,0.9,0.8,0.7,0.6,0.5,0.4,0.3";
  int neighbours = EvaluationOptions().neighbours;
  bool no_exif = false;
  bool latency = false;
  bool json = false;
  std::string csv;
  std::string svg;
};

// Listed before anything slow, so that a wrong folder is known at once.
struct ImageSets {
  LabelledImages test;
  std::optional<LabelledImages> train;
};

absl::StatusOr<ImageSets> ListImageSets(const EvaluateFlags& flags) {
  ImageSets sets;
  ASSIGN_OR_RETURN(sets.test, ListClassFolders(flags.images));
  if (!flags.train.empty()) {
    ASSIGN_OR_RETURN(sets.train, ListClassFolders(flags.train));
  }
  return sets;
}

EvaluationOptions ToOptions(const EvaluateFlags& flags,
                            const std::vector<client::Receipt>& receipts) {
  EvaluationOptions options;
  options.neighbours = flags.neighbours;
  options.apply_exif_orientation = !flags.no_exif;
  for (const client::Receipt& receipt : receipts) {
    options.rungs.push_back(static_cast<int>(receipt.rung));
  }
  return options;
}

// Median time of single images for each row.
absl::Status MeasureLatency(const std::shared_ptr<const ElasticModel>& model,
                            ComputeThread& compute, std::vector<EvaluationReport::Row>& rows) {
  ProfileOptions options;
  options.batches = {1};
  options.repetitions = 20;
  for (const EvaluationReport::Row& row : rows) options.rungs.push_back(row.quality.rung);
  ASSIGN_OR_RETURN(const std::vector<ProfileCell> cells, compute.Run([&] {
    return ProfileEngine(compute.engine(), model, options, DelayedProgress("latencies"));
  }));
  for (size_t i = 0; i < rows.size(); ++i) {
    rows[i].latency_ms = absl::ToDoubleMilliseconds(cells[i].p50);
  }
  return absl::OkStatus();
}

absl::StatusOr<EvaluationReport> MakeReport(const EvaluateFlags& flags) {
  ASSIGN_OR_RETURN(const std::vector<NamedBudget> budgets, ParseBudgetList(flags.budgets));
  ASSIGN_OR_RETURN(const ImageSets sets, ListImageSets(flags));
  ASSIGN_OR_RETURN(const std::unique_ptr<ComputeThread> compute,
                   ComputeThread::Create(flags.model.threads));
  const OrderingNeed need = AllDense(budgets) ? OrderingNeed::kNone : OrderingNeed::kRequired;
  ASSIGN_OR_RETURN(const std::shared_ptr<const ElasticModel> model,
                   OpenModel(ToLoaderOptions(flags.model), need, *compute));
  RungChooser chooser(model, *compute);
  std::vector<client::Receipt> receipts;
  for (const NamedBudget& named : budgets) {
    ASSIGN_OR_RETURN(receipts.emplace_back(), chooser.Choose(named.budget));
  }
  ASSIGN_OR_RETURN(const Evaluation evaluation, compute->Run([&] {
    return Evaluate(*model, sets.test, sets.train ? &*sets.train : nullptr,
                    ToOptions(flags, receipts), DelayedProgress("evaluation"));
  }));
  EvaluationReport report{model->name(),
                          model->ordering_id(),
                          flags.model.dtype,
                          evaluation.images,
                          sets.train ? sets.train->files.size() : 0,
                          {}};
  for (size_t i = 0; i < budgets.size(); ++i) {
    report.rows.push_back({budgets[i].text, receipts[i].served_compute, receipts[i].gflops,
                           evaluation.rows[i], std::nullopt});
  }
  if (flags.latency) RETURN_IF_ERROR(MeasureLatency(model, *compute, report.rows));
  return report;
}

absl::StatusOr<ExitStatus> RunEvaluate(const EvaluateFlags& flags) {
  ASSIGN_OR_RETURN(const EvaluationReport report, MakeReport(flags));
  if (!report.rows.front().quality.top1.has_value()) {
    std::fputs("note: no top-1, because the folders are not the classes of the model\n", stderr);
  }
  if (flags.json) {
    PrintJson(report.ToJson());
  } else {
    std::fputs(report.ToText().c_str(), stdout);
  }
  if (!flags.csv.empty()) RETURN_IF_ERROR(WriteFileAtomically(flags.csv, report.ToCsv()));
  if (!flags.svg.empty()) RETURN_IF_ERROR(WriteFileAtomically(flags.svg, report.ToSvg()));
  return ExitStatus::kDone;
}

void AddOutputFlags(CLI::App& verb, EvaluateFlags& flags) {
  verb.add_flag("--latency", flags.latency, "Measure the latency of single images, too");
  verb.add_flag("--json", flags.json, "One JSON document on standard output");
  verb.add_option("--csv", flags.csv, "Write the rows as CSV")->type_name("FILE");
  verb.add_option("--svg", flags.svg, "Write a plot: quality, and latency, against compute")
      ->type_name("FILE");
}

}  // namespace

void AddEvaluateVerb(CLI::App& app, RunVerb& chosen) {
  const auto flags = std::make_shared<EvaluateFlags>();
  CLI::App* verb =
      app.add_subcommand("evaluate", "Accuracy and fidelity of budgets on labelled images");
  AddModelFlags(*verb, flags->model);
  verb->get_option("--model")->required();
  verb->add_option("--images", flags->images, "Folder with one sub-folder of images a class")
      ->required()
      ->type_name("DIR");
  verb->add_option("--train", flags->train, "The same of training images: adds k-NN accuracy")
      ->type_name("DIR");
  verb->add_option("--budgets", flags->budgets, "Budgets, separated by commas")
      ->type_name("B,…")
      ->capture_default_str();
  verb->add_option("--neighbours", flags->neighbours, "k of k-NN")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  verb->add_flag("--no-exif", flags->no_exif, "Ignore the EXIF orientation");
  AddOutputFlags(*verb, *flags);
  verb->callback([flags, &chosen] { chosen = [flags] { return RunEvaluate(*flags); }; });
}

}  // namespace snapvit::cli
