#include "client/cli/model_flags.h"

#include <CLI/CLI.hpp>

#include "client/cli/device_flag.h"
#include "core/base/status_macros.h"

namespace snapvit::cli {

FlagGroup AddModelFlags(CLI::App& verb, ModelFlags& flags) {
  verb.add_option("--model", flags.model, "Model folder: config.json and model.safetensors")
      ->type_name("DIR");
  return {
      verb.add_option("--ordering", flags.ordering,
                      "Ordering file; default: look into the cache folder, then the model folder")
          ->type_name("FILE"),
      verb.add_flag("--as-is", flags.as_is,
                    "Don't compute corrections and fidelity for an ordering that has none "
                    "(imported, --recipe published)"),
      verb.add_option("--cache-dir", flags.cache_dir,
                      "Folder of this model's computed ordering; default: under ~/.cache/snapvit")
          ->type_name("DIR"),
      verb.add_option("--calibration", flags.calibration,
                      "Images from which an ordering, or what it lacks, is computed if need be: as "
                      "--images of snapvit order")
          ->type_name("DIR|FILE|NAME")
          ->capture_default_str(),
      AddDeviceFlag(verb, flags.device),
      verb.add_option("--dtype", flags.dtype,
                      "Execution dtype of a local model; fp32 is the reference")
          ->check(CLI::IsMember({"fp32", "bf16", "int8"}))
          ->capture_default_str(),
      verb.add_option("--rungs", flags.rungs, "Ladder targets between compute 1 and 0.25")
          ->check(CLI::Range(1, 1024))
          ->capture_default_str(),
      verb.add_option("--corrections", flags.corrections,
                      "What takes the place of pruned units, as far as the ordering has it")
          ->check(CLI::IsMember({"none", "bias", "full"}))
          ->capture_default_str(),
      verb.add_option("--threads", flags.threads, "Compute threads of a local model; 0: all cores")
          ->check(CLI::Range(0, 1024))
          ->capture_default_str(),
  };
}

absl::StatusOr<ElasticLoaderOptions> ToLoaderOptions(const ModelFlags& flags) {
  ElasticLoaderOptions options;
  ASSIGN_OR_RETURN(options.device, OpenDeviceFlag(flags.device));
  options.model_dir = flags.model;
  options.ordering_file = flags.ordering;
  options.cache_dir = flags.cache_dir;
  options.calibration = flags.calibration;
  options.ladder.rungs = flags.rungs;
  options.ladder.corrections =
      ParseCorrectionMode(flags.corrections).value_or(options.ladder.corrections);
  options.complete_orderings = !flags.as_is;
  options.dtype = DtypeNamed(flags.dtype);
  return options;
}

}  // namespace snapvit::cli
