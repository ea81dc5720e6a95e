// Flags that `embed` and `classify` share, and the run over the images that both do.
#ifndef SNAPVIT_CLIENT_CLI_IMAGE_FLAGS_H_
#define SNAPVIT_CLIENT_CLI_IMAGE_FLAGS_H_

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cli/flag_group.h"
#include "client/cli/image_model.h"
#include "client/cli/model_flags.h"
#include "client/cli/remote_flags.h"

namespace CLI {
class App;
}

namespace snapvit::cli {

struct ImageFlags {
  std::vector<std::string> images;  // files and folders
  ModelFlags model;
  RemoteFlags remote;
  std::string model_name;
  double timeout_seconds = 60;
  std::string budget;  // empty: the default
  std::string floor;
  bool strict = false;
  bool no_exif = false;
  bool json = false;
  std::string output;  // .npy file; empty: none

  // What means something to one kind of model only.
  FlagGroup local_only;
  FlagGroup remote_only;
};

// `flags` must outlive `verb`.
void AddImageFlags(CLI::App& verb, ImageFlags& flags);

// Budget, floor and strict as one. INVALID_ARGUMENT names the text and what was expected.
absl::StatusOr<Budget> ReadBudget(const ImageFlags& flags);

// The model that the flags name: exactly one of --model and --target, and no flag that does not go
// with it; else INVALID_ARGUMENT. CheckOutputFile's errors before a model is opened.
absl::StatusOr<std::unique_ptr<ImageModel>> OpenImageModel(const ImageFlags& flags,
                                                           const ImageQuery& query);

// What becomes of the images of a run.
struct ImageHandlers {
  // Asks the model, and takes its answers. The error of a call that answered none of `files`.
  std::function<absl::Status(std::span<const ImageFile> files)> ask;
  // Takes an error in the place of an answer.
  std::function<void(const std::string& file, const absl::Status& error)> fail;
};

// Reads the images, some at a time, and has the model asked; progress on standard error where
// results do not already run over the terminal. The error of a call is returned if it was the first
// one, else it is that of its images: what was answered before is never lost. After an error that
// the next call would meet again, or several in a row, the images that are left fail unasked.
absl::Status ForEachWindow(const ImageFlags& flags, const ImageHandlers& handlers);

// Repeats the error of an image on standard error.
void ReportImageError(const std::string& file, const absl::Status& error);

}  // namespace snapvit::cli

#endif  // SNAPVIT_CLIENT_CLI_IMAGE_FLAGS_H_
