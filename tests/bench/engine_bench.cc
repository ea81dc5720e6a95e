// The engine alone, driven line by line: tests/bench/peers.py times it in turn with other runtimes.
//
//   engine_bench MODEL_DIR fp32|bf16|int8 THREADS [RUNGS [DEVICE]]
//
// One command a line on standard input, one line of JSON for each on standard output:
//   counts BUDGET                       keep counts of the rung that serves a compute budget
//   time BUDGETS BATCH OUTPUT           {"ms"} of one batch; BUDGETS: 0.5, or 1,0.5 (the images
//   have
//                                       them in turn); OUTPUT: default (the model's own embedding)
//                                       or patches (all rows are computed)
//   switch                              {"same_us", "other_us", "first_us"} of one image at the
//   rung
//                                       of the image before, at another rung, and at one that was
//                                       never used; medians. Once only
//   memory                              number of parameters, computes of the rungs, bytes of the
//                                       weights and of the corrections, and of anonymous memory of
//                                       the process, now and before the model was loaded
//   embed BUDGET OUTPUT FILE            embeddings of the images in FILE, raw f32 [B, 3, H, W]
//   gemm ROWS INPUTS OUTPUTS            {"ms"} of one matrix product by core/kernels
// Units keep the checkpoint's order unless the model folder holds an ordering: a smaller model is
// then the first heads and channels of every block.
#include <malloc.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <span>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/cli/compute_thread.h"
#include "client/cli/device_flag.h"
#include "client/cli/open_model.h"
#include "core/base/clock.h"
#include "core/base/status_macros.h"
#include "core/elastic/aten_threads.h"
#include "core/kernels/kernels.h"

namespace snapvit {
namespace {

using Json = nlohmann::ordered_json;

double MillisecondsSince(absl::Time start) {
  return absl::ToDoubleMilliseconds(Clock::Monotonic()->Now() - start);
}

// Memory of this process that no file is behind, RssAnon of /proc/self/status.
int64_t AnonymousBytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    int64_t kilobytes = 0;
    if (std::sscanf(line.c_str(), "RssAnon: %ld kB", &kilobytes) == 1) return 1024 * kilobytes;
  }
  return 0;
}

class EngineBench {
 public:
  EngineBench(std::shared_ptr<const ElasticModel> model, int64_t anonymous_before,
              cli::ComputeThread& compute)
      : model_(std::move(model)),
        anonymous_before_(anonymous_before),
        compute_(compute),
        random_pixels_(ImageSize()) {
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    for (float& pixel : random_pixels_) pixel = normal(random);
  }

  absl::StatusOr<Json> Answer(const std::string& line) {
    std::istringstream words(line);
    std::string command, budgets, output, file;
    double budget = 0;
    int64_t batch = 0;
    GemmShape shape;
    words >> command;
    if (command == "counts" && words >> budget) return Counts(budget);
    if (command == "time" && words >> budgets >> batch >> output && batch > 0) {
      return Time(budgets, batch, output);
    }
    if (command == "switch") {
      return compute_.Run([&] { return Switch(); });
    }
    if (command == "memory") return Memory();
    if (command == "embed" && words >> budget >> output >> file) {
      return Embed(budget, output, file);
    }
    if (command == "gemm" && words >> shape.rows >> shape.inputs >> shape.outputs) {
      return compute_.Run([&] { return Gemm(shape); });
    }
    return absl::InvalidArgumentError(
        absl::StrCat("expected counts BUDGET, time BUDGETS BATCH OUTPUT, switch, memory, embed "
                     "BUDGET OUTPUT FILE or gemm ROWS INPUTS OUTPUTS, got \"",
                     line, "\""));
  }

 private:
  struct GemmShape {
    int64_t rows = 0, inputs = 0, outputs = 0;
  };

  size_t ImageSize() const {
    return 3 * static_cast<size_t>(model_->config().image_height) * model_->config().image_width;
  }

  absl::StatusOr<int> RungOf(double budget) const {
    const std::optional<int> rung = model_->ladder().AtMostCompute(budget);
    if (rung.has_value()) return *rung;
    return absl::InvalidArgumentError(absl::StrCat("no rung has compute ", budget, " or less; the ",
                                                   "smallest has ",
                                                   model_->ladder().rung(0).compute));
  }

  absl::StatusOr<Json> Counts(double budget) const {
    ASSIGN_OR_RETURN(const int index, RungOf(budget));
    const Rung& rung = model_->ladder().rung(index);
    return Json{{"compute", rung.compute},
                {"gflops", rung.gflops},
                {"channels", rung.keep.channels},
                {"heads", rung.keep.heads},
                {"kernels", model_->uses_kernels()}};
  }

  absl::StatusOr<std::vector<EngineItem>> Items(const std::string& budgets, size_t batch,
                                                const std::string& output) const {
    if (output != "default" && output != "patches") {
      return absl::InvalidArgumentError(
          absl::StrCat("output is default or patches, not \"", output, "\""));
    }
    std::vector<int> rungs;
    for (const absl::string_view text : absl::StrSplit(budgets, ',')) {
      double budget = 0;
      if (!absl::SimpleAtod(text, &budget)) {
        return absl::InvalidArgumentError(absl::StrCat("budget is a number, not \"", text, "\""));
      }
      ASSIGN_OR_RETURN(const int rung, RungOf(budget));
      rungs.push_back(rung);
    }
    std::vector<EngineItem> items;
    for (size_t i = 0; i < batch; ++i) items.push_back(Item(rungs[i % rungs.size()], output));
    return items;
  }

  EngineItem Item(int rung, const std::string& output) const {
    EngineItem item;
    item.model = model_;
    item.pixels = random_pixels_;
    item.embedding = output == "patches" ? EmbeddingKind::kPatches : EmbeddingKind::kDefault;
    item.rung = rung;
    return item;
  }

  // Runs on the compute thread; milliseconds.
  absl::StatusOr<double> Run(std::vector<EngineItem>& items) const {
    std::vector<EngineItem*> pointers;
    for (EngineItem& item : items) pointers.push_back(&item);
    std::vector<absl::Status> statuses(items.size());
    const absl::Time start = Clock::Monotonic()->Now();
    compute_.engine().Run(pointers, statuses);
    const double milliseconds = MillisecondsSince(start);
    for (const absl::Status& status : statuses) RETURN_IF_ERROR(status);
    return milliseconds;
  }

  absl::StatusOr<Json> Time(const std::string& budgets, int64_t batch, const std::string& output) {
    ASSIGN_OR_RETURN(std::vector<EngineItem> items, Items(budgets, batch, output));
    ASSIGN_OR_RETURN(const double milliseconds, compute_.Run([&] { return Run(items); }));
    return Json{{"ms", milliseconds}};
  }

  static double Median(std::vector<double> values) {
    std::nth_element(values.begin(), values.begin() + static_cast<int64_t>(values.size() / 2),
                     values.end());
    return values[values.size() / 2];
  }

  // Microseconds of one image.
  absl::StatusOr<double> OneImage(int rung) const {
    std::vector<EngineItem> items = {Item(rung, "default")};
    ASSIGN_OR_RETURN(const double milliseconds, Run(items));
    return 1e3 * milliseconds;
  }

  // Runs on the compute thread. Every rung is compared with itself, so that their own differences
  // cancel: first (after the rung below it), then after itself, then after another one.
  absl::StatusOr<Json> Switch() const {
    constexpr int kRounds = 2000;
    const int rungs = model_->ladder().size();
    std::vector<double> first(rungs), same, other;
    for (int i = 0; i < 50; ++i) RETURN_IF_ERROR(OneImage(0).status());
    for (int rung = 1; rung < rungs; ++rung) {
      ASSIGN_OR_RETURN(first[rung], OneImage(rung));
    }
    std::vector<double> first_and_then;
    for (int rung = 1; rung < rungs; ++rung) {
      std::vector<double> later, after_another;
      for (int i = 0; i < kRounds / rungs + 3; ++i) {
        RETURN_IF_ERROR(OneImage(i % rungs).status());
        ASSIGN_OR_RETURN(const double switched, OneImage(rung));
        ASSIGN_OR_RETURN(const double stayed, OneImage(rung));
        after_another.push_back(switched);
        later.push_back(stayed);
      }
      same.push_back(Median(later));
      other.push_back(Median(after_another) - same.back());
      first_and_then.push_back(first[rung] - same.back());
    }
    if (same.empty()) return absl::FailedPreconditionError("the model has one rung");
    return Json{{"same_us", Median(same)},
                {"other_us", Median(same) + Median(other)},
                {"first_us", Median(same) + Median(first_and_then)}};
  }

  Json Memory() const {
    Json computes = Json::array();
    for (const Rung& rung : model_->ladder().rungs()) computes.push_back(rung.compute);
    return Json{
        {"parameters", model_->parameters()},     {"computes", std::move(computes)},
        {"weight_bytes", model_->weight_bytes()}, {"correction_bytes", model_->correction_bytes()},
        {"anonymous_bytes", AnonymousBytes()},    {"anonymous_bytes_before", anonymous_before_}};
  }

  absl::StatusOr<Json> Embed(double budget, const std::string& output, const std::string& file) {
    std::ifstream stream(file, std::ios::binary);
    std::vector<char> bytes((std::istreambuf_iterator<char>(stream)), {});
    const size_t image_bytes = ImageSize() * sizeof(float);
    if (bytes.empty() || bytes.size() % image_bytes != 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          "file ", file, " has ", bytes.size(), " bytes, expected a multiple of ", image_bytes));
    }
    const auto* pixels = reinterpret_cast<const float*>(bytes.data());
    ASSIGN_OR_RETURN(std::vector<EngineItem> items,
                     Items(absl::StrCat(budget), bytes.size() / image_bytes, output));
    for (size_t i = 0; i < items.size(); ++i) {
      items[i].pixels = std::span(pixels + i * ImageSize(), ImageSize());
    }
    RETURN_IF_ERROR(compute_.Run([&] { return Run(items); }).status());
    Json embeddings = Json::array();
    for (const EngineItem& item : items) embeddings.push_back(item.embedding_values);
    return Json{{"embeddings", std::move(embeddings)}};
  }

  absl::StatusOr<Json> Gemm(const GemmShape& shape) const {
    const Kernels<BFloat16Bits>* kernels = CpuKernels<BFloat16Bits>();
    if (kernels == nullptr) {
      return absl::FailedPreconditionError("core/kernels has no kernels for this processor");
    }
    if (shape.rows < 1 || shape.inputs < 2 || shape.inputs % 2 != 0 || shape.outputs < 1) {
      return absl::InvalidArgumentError(
          "gemm takes an even number of inputs, and rows and outputs");
    }
    // Ones: the time does not depend on the values, as long as they are normal numbers.
    constexpr BFloat16Bits kOne = 0x3F80;
    const std::vector<BFloat16Bits> rows(shape.rows * shape.inputs, kOne);
    const std::vector<BFloat16Bits> weights(shape.inputs * shape.outputs, kOne);
    std::vector<BFloat16Bits> out(shape.rows * shape.outputs);
    const auto packed = PackedMatrix<BFloat16Bits>::Pack(weights.data(), shape.inputs,
                                                         shape.outputs, shape.outputs, 1);
    GemmCall<BFloat16Bits> call;
    call.rows = {rows.data(), shape.inputs};
    call.row_count = shape.rows;
    call.weights = &packed;
    call.inputs = shape.inputs;
    call.outputs = shape.outputs;
    call.out = out.data();
    call.out_stride = shape.outputs;
    const int threads = compute_.engine().threads_per_worker();
    const auto run = [threads](absl::FunctionRef<void(int)> task) { RunOnOpenMp(threads, task); };
    kernels->gemm({&call, 1}, {run, threads});  // touches the pages of `out`
    const absl::Time start = Clock::Monotonic()->Now();
    kernels->gemm({&call, 1}, {run, threads});
    return Json{{"ms", MillisecondsSince(start)}};
  }

  const std::shared_ptr<const ElasticModel> model_;
  const int64_t anonymous_before_;
  cli::ComputeThread& compute_;
  std::vector<float> random_pixels_;
};

absl::Status Serve(const std::string& model_dir, const std::string& dtype, int threads,
                   std::optional<int> rungs, const std::string& device) {
  const std::optional<ExecutionDtype> execution = DtypeNamed(dtype);
  if (!execution.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("dtype is fp32, bf16 or int8, not \"", dtype, "\""));
  }
  ElasticLoaderOptions options;
  options.model_dir = model_dir;
  options.cache_dir = model_dir;  // nothing is taken from, or left in, the user's cache
  options.dtype = execution;
  if (rungs.has_value()) options.ladder.rungs = *rungs;
  ASSIGN_OR_RETURN(options.device, cli::OpenDeviceFlag(device));
  ASSIGN_OR_RETURN(const std::unique_ptr<cli::ComputeThread> compute,
                   cli::ComputeThread::Create(threads));
  const int64_t anonymous_before = AnonymousBytes();
  ASSIGN_OR_RETURN(std::shared_ptr<const ElasticModel> model,
                   cli::OpenModel(options, cli::OrderingNeed::kOrUniform, *compute));
  malloc_trim(0);  // as the server does
  EngineBench bench(std::move(model), anonymous_before, *compute);
  for (std::string line; std::getline(std::cin, line);) {
    ASSIGN_OR_RETURN(const Json answer, bench.Answer(line));
    std::cout << answer.dump() << std::endl;
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace snapvit

int main(int argc, char** argv) {
  if (argc < 4 || argc > 6) {
    std::fputs("usage: engine_bench MODEL_DIR fp32|bf16|int8 THREADS [RUNGS [DEVICE]]\n", stderr);
    return 2;
  }
  const absl::Status status =
      snapvit::Serve(argv[1], argv[2], std::atoi(argv[3]),
                     argc >= 5 ? std::optional<int>(std::atoi(argv[4])) : std::nullopt,
                     argc == 6 ? argv[5] : "cpu");
  if (status.ok()) return 0;
  std::fprintf(stderr, "engine_bench: %s\n", std::string(status.message()).c_str());
  return 1;
}
