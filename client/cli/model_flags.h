// Flags of every verb that loads a model folder.
#ifndef SNAPVIT_CLIENT_CLI_MODEL_FLAGS_H_
#define SNAPVIT_CLIENT_CLI_MODEL_FLAGS_H_

#include <string>

#include "absl/status/statusor.h"
#include "client/cli/flag_group.h"
#include "core/snapvit/elastic_loader.h"

namespace CLI {
class App;
}

namespace snapvit::cli {

struct ModelFlags {
  std::string model;  // folder
  std::string ordering;
  std::string cache_dir;
  std::string calibration = ElasticLoaderOptions().calibration;
  std::string device = "cpu";
  std::string dtype = "fp32";
  std::string corrections = "full";
  bool as_is = false;
  int rungs = LadderOptions().rungs;
  int threads = 0;
};

// --model, --ordering, --as-is, --cache-dir, --calibration, --device, --dtype, --rungs,
// --corrections, --threads. `flags` must outlive `verb`. Returns all but --model.
FlagGroup AddModelFlags(CLI::App& verb, ModelFlags& flags);

// Opens the device: before anything computes. OpenDeviceFlag's errors.
absl::StatusOr<ElasticLoaderOptions> ToLoaderOptions(const ModelFlags& flags);

}  // namespace snapvit::cli

#endif  // SNAPVIT_CLIENT_CLI_MODEL_FLAGS_H_
