// snapvit classify: the best classes of images, as lines for people, JSON or a NumPy array of
// scores.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <limits>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "client/cli/image_flags.h"
#include "client/cli/json_output.h"
#include "client/cli/npy_rows.h"
#include "client/cli/verb.h"
#include "core/base/status_macros.h"

namespace snapvit::cli {
namespace {

struct ClassifyFlags : ImageFlags {
  uint32_t top_k = 5;
  std::string activation = "softmax";
};

v1::Activation ToActivation(const std::string& name) {
  if (name == "sigmoid") return v1::ACTIVATION_SIGMOID;
  if (name == "none") return v1::ACTIVATION_NONE;
  return v1::ACTIVATION_SOFTMAX;
}

absl::StatusOr<ImageQuery> ReadQuery(const ClassifyFlags& flags) {
  ImageQuery query;
  ASSIGN_OR_RETURN(query.budget, ReadBudget(flags));
  query.activation = ToActivation(flags.activation);
  // An array has a column for every class.
  query.top_k = flags.output.empty() ? flags.top_k : std::numeric_limits<uint32_t>::max();
  return query;
}

// Scores by class index. Nothing unless every class is there.
std::vector<float> ByIndex(const std::vector<client::Label>& labels) {
  std::vector<float> scores(labels.size(), std::numeric_limits<float>::quiet_NaN());
  for (const client::Label& label : labels) {
    if (label.index < scores.size()) scores[label.index] = label.score;
  }
  return scores;
}

// For a terminal: the labels, and the receipt in one line.
void PrintForPeople(const std::string& file, const client::ClassifyResult& result) {
  if (!result.labels.ok()) return;  // standard error has it
  std::printf("%s\n", file.c_str());
  for (const client::Label& label : *result.labels) {
    const std::string name =
        label.label.empty() ? absl::StrCat("class ", label.index) : label.label;
    std::printf("  %7.4f  %s\n", label.score, name.c_str());
  }
  if (!result.receipt.has_value()) return;
  const client::Receipt& receipt = *result.receipt;
  std::printf("  compute asked %.3f, served %.3f (%s), %.2f GFLOP, %.1f ms + %.1f ms queue\n",
              receipt.requested_compute, receipt.served_compute, receipt.reason.c_str(),
              receipt.gflops, absl::ToDoubleMilliseconds(receipt.compute_time),
              absl::ToDoubleMilliseconds(receipt.queue_time));
}

// What has been classified so far, in every form that was asked for.
class ClassifyOutput {
 public:
  explicit ClassifyOutput(const ClassifyFlags& flags) : flags_(flags) {}

  void Add(const std::string& file, client::ClassifyResult result) {
    if (result.labels.ok()) {
      if (absl::Status added = AddRow(*result.labels); !added.ok()) result = {std::move(added)};
    }
    if (!result.labels.ok()) {
      ReportImageError(file, result.labels.status());
      return Fail(file, result);
    }
    ++done_;
    if (result.labels->size() > flags_.top_k) result.labels->resize(flags_.top_k);
    AddItem(file, result);
  }

  // An image without labels, whose error was reported.
  void Fail(const std::string& file, const client::ClassifyResult& result) {
    ++failed_;
    rows_.AddMissing();
    AddItem(file, result);
  }

  absl::StatusOr<ExitStatus> Finish(const std::string& model) {
    if (!flags_.output.empty() && done_ > 0) {
      RETURN_IF_ERROR(rows_.Write(flags_.output));
      if (!flags_.json) {
        std::printf("%s: %s float32, %zu failed\n", flags_.output.c_str(),
                    absl::StrJoin(rows_.shape(), " x ").c_str(), failed_);
      }
    }
    if (flags_.json) PrintJson(ResultsJson(model, std::move(items_)));
    return StatusOfItems(done_, failed_);
  }

 private:
  absl::Status AddRow(const std::vector<client::Label>& labels) {
    if (flags_.output.empty()) return absl::OkStatus();
    if (rows_.Add({static_cast<int64_t>(labels.size())}, ByIndex(labels))) return absl::OkStatus();
    return absl::InternalError(absl::StrCat(labels.size(), " classes, unlike the images before"));
  }

  void AddItem(const std::string& file, const client::ClassifyResult& result) {
    if (flags_.json) {
      items_.push_back(ItemJson(file, result));
    } else if (flags_.output.empty()) {
      for_people_ ? PrintForPeople(file, result) : PrintJson(ItemJson(file, result));
    }
  }

  const ClassifyFlags& flags_;
  const bool for_people_ = isatty(STDOUT_FILENO) == 1;
  NpyRows rows_;
  std::vector<Json> items_;
  size_t done_ = 0;
  size_t failed_ = 0;
};

absl::StatusOr<ExitStatus> RunClassify(const ClassifyFlags& flags) {
  ASSIGN_OR_RETURN(const ImageQuery query, ReadQuery(flags));
  ASSIGN_OR_RETURN(const std::unique_ptr<ImageModel> model, OpenImageModel(flags, query));
  ClassifyOutput output(flags);
  const auto ask = [&](std::span<const ImageFile> files) -> absl::Status {
    ASSIGN_OR_RETURN(std::vector<client::ClassifyResult> results, model->Classify(files));
    for (size_t i = 0; i < files.size(); ++i) output.Add(files[i].path, std::move(results[i]));
    return absl::OkStatus();
  };
  const auto fail = [&output](const std::string& file, const absl::Status& error) {
    output.Fail(file, {.labels = error});
  };
  RETURN_IF_ERROR(ForEachWindow(flags, {ask, fail}));
  return output.Finish(model->name());
}

}  // namespace

void AddClassifyVerb(CLI::App& app, RunVerb& chosen) {
  const auto flags = std::make_shared<ClassifyFlags>();
  CLI::App* verb = app.add_subcommand("classify", "Best classes of images, at a compute budget");
  AddImageFlags(*verb, *flags);
  verb->add_option("--top-k", flags->top_k, "Classes per image, best first")
      ->check(CLI::Range(1u, 1'000'000u))
      ->capture_default_str();
  verb->add_option("--activation", flags->activation, "How scores are formed from logits")
      ->check(CLI::IsMember({"softmax", "sigmoid", "none"}))
      ->capture_default_str();
  verb->callback([flags, &chosen] { chosen = [flags] { return RunClassify(*flags); }; });
}

}  // namespace snapvit::cli
