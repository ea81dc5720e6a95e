// The engine alone, driven line by line: tests/bench/peers.py times it in turn with other runtimes.
//
//   engine_bench MODEL_DIR fp32|bf16 THREADS
//
// One command a line on standard input, one line of JSON for each on standard output:
//   counts BUDGET                       keep counts of the rung that serves a compute budget
//   time BUDGET BATCH OUTPUT            {"ms"} of one batch; OUTPUT: default (the model's own
//                                       embedding) or patches (all rows are computed)
//   embed BUDGET OUTPUT FILE            embeddings of the images in FILE, raw f32 [B, 3, H, W]
//   gemm ROWS INPUTS OUTPUTS            {"ms"} of one matrix product by core/kernels
// Units keep the checkpoint's order unless the model folder holds an ordering: a smaller model is
// then the first heads and channels of every block.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <span>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/compute_thread.h"
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

class EngineBench {
 public:
  EngineBench(std::shared_ptr<const ElasticModel> model, cli::ComputeThread& compute)
      : model_(std::move(model)), compute_(compute), random_pixels_(ImageSize()) {
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    for (float& pixel : random_pixels_) pixel = normal(random);
  }

  absl::StatusOr<Json> Answer(const std::string& line) {
    std::istringstream words(line);
    std::string command, output, file;
    double budget = 0;
    int64_t batch = 0;
    GemmShape shape;
    words >> command;
    if (command == "counts" && words >> budget) return Counts(budget);
    if (command == "time" && words >> budget >> batch >> output && batch > 0) {
      return Time(budget, batch, output);
    }
    if (command == "embed" && words >> budget >> output >> file) {
      return Embed(budget, output, file);
    }
    if (command == "gemm" && words >> shape.rows >> shape.inputs >> shape.outputs) {
      return compute_.Run([&] { return Gemm(shape); });
    }
    return absl::InvalidArgumentError(
        absl::StrCat("expected counts BUDGET, time BUDGET BATCH OUTPUT, embed BUDGET OUTPUT FILE "
                     "or gemm ROWS INPUTS OUTPUTS, got \"",
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

  absl::StatusOr<std::vector<EngineItem>> Items(double budget, size_t batch,
                                                const std::string& output) const {
    if (output != "default" && output != "patches") {
      return absl::InvalidArgumentError(
          absl::StrCat("output is default or patches, not \"", output, "\""));
    }
    EngineItem item;
    item.model = model_;
    item.pixels = random_pixels_;
    item.embedding = output == "patches" ? EmbeddingKind::kPatches : EmbeddingKind::kDefault;
    ASSIGN_OR_RETURN(item.rung, RungOf(budget));
    return std::vector<EngineItem>(batch, item);
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

  absl::StatusOr<Json> Time(double budget, int64_t batch, const std::string& output) {
    ASSIGN_OR_RETURN(std::vector<EngineItem> items, Items(budget, batch, output));
    ASSIGN_OR_RETURN(const double milliseconds, compute_.Run([&] { return Run(items); }));
    return Json{{"ms", milliseconds}};
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
                     Items(budget, bytes.size() / image_bytes, output));
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
    kernels->gemm(call, {run, threads});  // touches the pages of `out`
    const absl::Time start = Clock::Monotonic()->Now();
    kernels->gemm(call, {run, threads});
    return Json{{"ms", MillisecondsSince(start)}};
  }

  const std::shared_ptr<const ElasticModel> model_;
  cli::ComputeThread& compute_;
  std::vector<float> random_pixels_;
};

absl::Status Serve(const std::string& model_dir, const std::string& dtype, int threads) {
  if (dtype != "fp32" && dtype != "bf16") {
    return absl::InvalidArgumentError(absl::StrCat("dtype is fp32 or bf16, not \"", dtype, "\""));
  }
  ElasticLoaderOptions options;
  options.model_dir = model_dir;
  options.cache_dir = model_dir;  // nothing is taken from, or left in, the user's cache
  options.dtype = dtype == "bf16" ? ExecutionDtype::kBFloat16 : ExecutionDtype::kFloat32;
  ASSIGN_OR_RETURN(const std::unique_ptr<cli::ComputeThread> compute,
                   cli::ComputeThread::Create(threads));
  ASSIGN_OR_RETURN(std::shared_ptr<const ElasticModel> model,
                   cli::OpenModel(options, cli::OrderingNeed::kOrUniform, *compute));
  EngineBench bench(std::move(model), *compute);
  for (std::string line; std::getline(std::cin, line);) {
    ASSIGN_OR_RETURN(const Json answer, bench.Answer(line));
    std::cout << answer.dump() << std::endl;
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace snapvit

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: engine_bench MODEL_DIR fp32|bf16 THREADS\n", stderr);
    return 2;
  }
  const absl::Status status = snapvit::Serve(argv[1], argv[2], std::atoi(argv[3]));
  if (status.ok()) return 0;
  std::fprintf(stderr, "engine_bench: %s\n", std::string(status.message()).c_str());
  return 1;
}
