// snapvit evaluate: what each budget is worth on labelled images, as a table, CSV, JSON and a plot.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <set>
#include <span>

#include "client/cli/budget_list.h"
#include "client/cli/delayed_progress.h"
#include "client/cli/evaluation_report.h"
#include "client/cli/local_rung.h"
#include "client/cli/model_flags.h"
#include "client/cli/open_model.h"
#include "client/cli/output_file.h"
#include "client/cli/verb.h"
#include "core/base/file.h"
#include "core/base/status_macros.h"
#include "core/engine/profile.h"

namespace snapvit::cli {
namespace {

struct EvaluateFlags {
  ModelFlags model;
  std::vector<std::string> orderings;  // files; empty: the one that look-up finds
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

EvaluationOptions ToOptions(const EvaluateFlags& flags) {
  EvaluationOptions options;
  options.neighbours = flags.neighbours;
  options.apply_exif_orientation = !flags.no_exif;
  return options;
}

// The model under one ordering, with what it serves for each budget.
struct Candidate {
  std::string name;
  EvaluationSubject subject;
  std::vector<client::Receipt> receipts;
};

// Short names of the files: without folders and suffix where that tells them apart.
std::vector<std::string> OrderingNames(const std::vector<std::string>& files) {
  std::vector<std::string> names;
  for (const std::string& file : files) names.push_back(std::filesystem::path(file).stem());
  const std::set<std::string> different(names.begin(), names.end());
  return different.size() == files.size() ? names : files;
}

absl::StatusOr<std::vector<Candidate>> OpenCandidates(const EvaluateFlags& flags,
                                                      ElasticLoaderOptions options,
                                                      const std::vector<NamedBudget>& budgets,
                                                      ComputeThread& compute) {
  const OrderingNeed need = AllDense(budgets) ? OrderingNeed::kNone : OrderingNeed::kRequired;
  const bool found_by_look_up = flags.orderings.empty();
  const std::vector<std::string> files =
      found_by_look_up ? std::vector<std::string>{""} : flags.orderings;
  const std::vector<std::string> names = OrderingNames(files);
  std::vector<Candidate> candidates;
  for (size_t i = 0; i < files.size(); ++i) {
    options.ordering_file = files[i];
    Candidate& candidate = candidates.emplace_back();
    ASSIGN_OR_RETURN(candidate.subject.model, OpenModel(options, need, compute));
    candidate.name = found_by_look_up ? candidate.subject.model->ordering_id() : names[i];
    RungChooser chooser(candidate.subject.model, compute);
    for (const NamedBudget& named : budgets) {
      ASSIGN_OR_RETURN(candidate.receipts.emplace_back(), chooser.Choose(named.budget));
      candidate.subject.rungs.push_back(static_cast<int>(candidate.receipts.back().rung));
    }
  }
  return candidates;
}

// Median time of single images for each row of a candidate.
absl::Status MeasureLatency(const EvaluationSubject& subject, ComputeThread& compute,
                            std::span<EvaluationReport::Row> rows) {
  ProfileOptions options;
  options.batches = {1};
  options.repetitions = 20;
  options.rungs = subject.rungs;
  ASSIGN_OR_RETURN(const std::vector<ProfileCell> cells, compute.Run([&] {
    return ProfileEngine(compute.engine(), subject.model, options, DelayedProgress("latencies"));
  }));
  for (size_t i = 0; i < rows.size(); ++i) {
    rows[i].latency_ms = absl::ToDoubleMilliseconds(cells[i].p50);
  }
  return absl::OkStatus();
}

absl::StatusOr<EvaluationReport> MakeReport(const EvaluateFlags& flags) {
  ASSIGN_OR_RETURN(const std::vector<NamedBudget> budgets, ParseBudgetList(flags.budgets));
  ASSIGN_OR_RETURN(const ImageSets sets, ListImageSets(flags));
  ASSIGN_OR_RETURN(ElasticLoaderOptions loader, ToLoaderOptions(flags.model));
  ASSIGN_OR_RETURN(const std::unique_ptr<ComputeThread> compute,
                   ComputeThread::Create(flags.model.threads));
  ASSIGN_OR_RETURN(const std::vector<Candidate> candidates,
                   OpenCandidates(flags, std::move(loader), budgets, *compute));
  std::vector<EvaluationSubject> subjects;
  for (const Candidate& candidate : candidates) subjects.push_back(candidate.subject);
  ASSIGN_OR_RETURN(const Evaluation evaluation, compute->Run([&] {
    return Evaluate(subjects, sets.test, sets.train ? &*sets.train : nullptr, ToOptions(flags),
                    DelayedProgress("evaluation"));
  }));
  EvaluationReport report;
  report.model = subjects.front().model->name();
  report.dtype = flags.model.dtype;
  report.images = evaluation.images;
  report.train_images = sets.train ? sets.train->files.size() : 0;
  for (const Candidate& candidate : candidates) {
    report.orderings.push_back({candidate.name, candidate.subject.model->ordering_id()});
    for (size_t i = 0; i < budgets.size(); ++i) {
      const client::Receipt& receipt = candidate.receipts[i];
      const EvaluationRow& quality = evaluation.rows[report.rows.size()];
      report.rows.push_back({candidate.name, budgets[i].text, receipt.served_compute,
                             receipt.gflops, quality, std::nullopt});
    }
  }
  for (size_t i = 0; flags.latency && i < subjects.size(); ++i) {
    RETURN_IF_ERROR(MeasureLatency(
        subjects[i], *compute, std::span(report.rows).subspan(i * budgets.size(), budgets.size())));
  }
  return report;
}

absl::StatusOr<ExitStatus> RunEvaluate(const EvaluateFlags& flags) {
  RETURN_IF_ERROR(CheckOutputFile("--csv", flags.csv));
  RETURN_IF_ERROR(CheckOutputFile("--svg", flags.svg));
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
  verb->remove_option(verb->get_option("--ordering"));  // several can be given here
  verb->add_option("--ordering", flags->orderings,
                   "Ordering files to compare, separated by commas or with the flag repeated; "
                   "default: look into the cache folder, then the model folder")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("FILE,…");
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
