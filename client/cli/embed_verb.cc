// snapvit embed: features of images, as JSON or as a NumPy array.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <limits>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/image_flags.h"
#include "client/cli/json_output.h"
#include "client/cli/npy_rows.h"
#include "client/cli/pooling.h"
#include "client/cli/verb.h"
#include "core/base/status_macros.h"

namespace snapvit::cli {
namespace {

struct EmbedFlags : ImageFlags {
  std::string pooling = "default";
  bool normalize = false;
  uint32_t dimensions = 0;
};

absl::StatusOr<ImageQuery> ReadQuery(const EmbedFlags& flags) {
  ImageQuery query;
  ASSIGN_OR_RETURN(query.budget, ReadBudget(flags));
  query.output.set_pooling(PoolingOf(flags.pooling));
  query.output.set_normalize(flags.normalize);
  query.output.set_dimensions(flags.dimensions);
  return query;
}

// What has been embedded so far, in every form that was asked for.
class EmbedOutput {
 public:
  explicit EmbedOutput(const EmbedFlags& flags) : flags_(flags) {}

  void Add(const std::string& file, client::EmbedResult result) {
    if (result.embedding.ok()) {
      if (absl::Status added = AddRow(*result.embedding); !added.ok()) result = {std::move(added)};
    }
    if (!result.embedding.ok()) {
      ReportImageError(file, result.embedding.status());
      return Fail(file, result);
    }
    ++done_;
    AddItem(file, result);
  }

  // An image without an embedding, whose error was reported.
  void Fail(const std::string& file, const client::EmbedResult& result) {
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
  absl::Status AddRow(const client::Embedding& embedding) {
    if (flags_.output.empty()) return absl::OkStatus();
    if (rows_.Add(embedding.shape, embedding.values)) return absl::OkStatus();
    return absl::InternalError(absl::StrCat("the embedding's shape is [",
                                            absl::StrJoin(embedding.shape, ", "),
                                            "], unlike those before"));
  }

  void AddItem(const std::string& file, const client::EmbedResult& result) {
    if (flags_.json) {
      items_.push_back(ItemJson(file, result));
    } else if (flags_.output.empty()) {
      PrintJson(ItemJson(file, result));
    }
  }

  const EmbedFlags& flags_;
  NpyRows rows_;
  std::vector<Json> items_;
  size_t done_ = 0;
  size_t failed_ = 0;
};

absl::StatusOr<ExitStatus> RunEmbed(const EmbedFlags& flags) {
  ASSIGN_OR_RETURN(const ImageQuery query, ReadQuery(flags));
  ASSIGN_OR_RETURN(const std::unique_ptr<ImageModel> model, OpenImageModel(flags, query));
  EmbedOutput output(flags);
  const auto ask = [&](std::span<const ImageFile> files) -> absl::Status {
    ASSIGN_OR_RETURN(std::vector<client::EmbedResult> results, model->Embed(files));
    for (size_t i = 0; i < files.size(); ++i) output.Add(files[i].path, std::move(results[i]));
    return absl::OkStatus();
  };
  const auto fail = [&output](const std::string& file, const absl::Status& error) {
    output.Fail(file, {.embedding = error});
  };
  RETURN_IF_ERROR(ForEachWindow(flags, {ask, fail}));
  return output.Finish(model->name());
}

}  // namespace

void AddEmbedVerb(CLI::App& app, RunVerb& chosen) {
  const auto flags = std::make_shared<EmbedFlags>();
  CLI::App* verb = app.add_subcommand("embed", "Embeddings of images, at a compute budget");
  AddImageFlags(*verb, *flags);
  verb->add_option("--pooling", flags->pooling, "Which features become the embedding")
      ->check(CLI::IsMember({"default", "cls", "mean", "patches", "projected"}))
      ->capture_default_str();
  verb->add_flag("--normalize", flags->normalize, "Scale every vector to length 1");
  verb->add_option("--dimensions", flags->dimensions, "Keep the first N components; 0: all")
      ->type_name("N");
  verb->callback([flags, &chosen] { chosen = [flags] { return RunEmbed(*flags); }; });
}

}  // namespace snapvit::cli
