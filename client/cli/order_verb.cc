// snapvit order: computes the ordering of a model from unlabelled images, and writes it to a file.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "client/cli/compute_thread.h"
#include "client/cli/delayed_progress.h"
#include "client/cli/verb.h"
#include "core/base/status_macros.h"
#include "core/device/open_device.h"
#include "core/model/fingerprint.h"
#include "core/model/torch_device.h"
#include "core/snapvit/order.h"

namespace snapvit::cli {
namespace {

struct OrderFlags {
  std::string model;
  std::string images;  // empty: synthetic
  size_t count = OrderOptions().images;
  uint64_t seed = OrderOptions().seed;
  double time_limit_seconds = 0;  // 0: none
  std::string device = "cpu";
  int threads = 0;
  std::string output;
};

absl::StatusOr<std::unique_ptr<CalibrationSource>> OpenSource(const OrderFlags& flags,
                                                              const Preprocessing& preprocessing) {
  if (!flags.images.empty()) return FolderCalibration(flags.images, flags.seed);
  // Twice the input size, as ElasticLoader does: crops and the resize then see detail.
  return SyntheticCalibration(CalibrationImagesFor(flags.count), 2 * preprocessing.height,
                              2 * preprocessing.width, flags.seed);
}

// Says what a GPU is called, how much of it is free, or why there is none; nothing about "cpu".
absl::StatusOr<Device> ChooseDevice(const std::string& text) {
  ASSIGN_OR_RETURN(const DeviceRequest request, ParseDeviceRequest(text));
  ASSIGN_OR_RETURN(const OpenedDevice opened, OpenDevice(request));
  if (opened.module.has_value()) {
    ASSIGN_OR_RETURN(const CudaModule::Memory memory,
                     opened.module->DeviceMemory(opened.device.index));
    constexpr double kGiB = 1 << 30;
    std::fprintf(stderr, "%s: %s, %.1f of %.1f GiB free\n", opened.device.ToString().c_str(),
                 opened.name.c_str(), static_cast<double>(memory.free_bytes) / kGiB,
                 static_cast<double>(memory.total_bytes) / kGiB);
  } else if (!opened.why_cpu.empty()) {
    std::fprintf(stderr, "ordering on the CPU: %s\n", opened.why_cpu.c_str());
  }
  return opened.device;
}

absl::StatusOr<Ordering> Compute(const OrderFlags& flags, const Device& device) {
  ASSIGN_OR_RETURN(ModelFolder folder, LoadModelFolder(flags.model));
  ASSIGN_OR_RETURN(const std::string fingerprint, ModelFingerprint(flags.model, /*cache_dir=*/""));
  ASSIGN_OR_RETURN(const std::unique_ptr<CalibrationSource> source,
                   OpenSource(flags, folder.preprocessing));
  OrderOptions options;
  options.images = flags.count;
  options.seed = flags.seed;
  if (flags.time_limit_seconds > 0) options.time_limit = absl::Seconds(flags.time_limit_seconds);
  RETURN_IF_ERROR(MoveWeights(device, folder));
  return ComputeOrdering(folder, fingerprint, *source, options, DelayedProgress("ordering"));
}

absl::StatusOr<ExitStatus> RunOrder(const OrderFlags& flags) {
  ASSIGN_OR_RETURN(const Device device, ChooseDevice(flags.device));  // before anything computes
  ASSIGN_OR_RETURN(const std::unique_ptr<ComputeThread> compute,
                   ComputeThread::Create(flags.threads));
  ASSIGN_OR_RETURN(const Ordering ordering, compute->Run([&] { return Compute(flags, device); }));
  RETURN_IF_ERROR(WriteOrdering(ordering, flags.output));
  std::printf("%s: ordering %s of %d blocks, %d channels and %d heads each, from %s\n",
              flags.output.c_str(), ordering.Id().c_str(), ordering.blocks, ordering.hidden,
              ordering.heads, ordering.calibration_source.c_str());
  return ExitStatus::kDone;
}

}  // namespace

void AddOrderVerb(CLI::App& app, RunVerb& chosen) {
  const auto flags = std::make_shared<OrderFlags>();
  CLI::App* verb = app.add_subcommand(
      "order", "Compute in which order heads and channels matter, without labels or training");
  verb->add_option("--model", flags->model, "Model folder")->required()->type_name("DIR");
  verb->add_option("--images", flags->images,
                   "Folder of unlabelled images; default: images drawn by program")
      ->type_name("DIR");
  verb->add_option("--count", flags->count, "Images for the gradients")
      ->check(CLI::Range(size_t{1}, size_t{1'000'000}))
      ->capture_default_str();
  verb->add_option("--seed", flags->seed, "Seed of everything random")->capture_default_str();
  verb->add_option("--time-limit", flags->time_limit_seconds,
                   "Seconds after which the best so far is kept; 0: none")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  verb->add_option("--device", flags->device,
                   "auto, cpu, cuda or cuda:N; auto: the first GPU, else the CPU")
      ->type_name("DEVICE")
      ->capture_default_str();
  verb->add_option("--threads", flags->threads, "Compute threads; 0: all cores")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  verb->add_option("-o,--output", flags->output, "Ordering file to write")
      ->required()
      ->type_name("FILE");
  verb->callback([flags, &chosen] { chosen = [flags] { return RunOrder(*flags); }; });
}

}  // namespace snapvit::cli
