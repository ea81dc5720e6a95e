#include "tests/fuzz/served_request.h"

#include <google/protobuf/stubs/logging.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/elastic/rung_interval.h"
#include "server/wire_message.h"

namespace snapvit {
namespace {

std::vector<Rung> MakeRungs() {
  std::vector<Rung> rungs;
  for (const double compute : {0.3, 0.6, 1.0}) {
    Rung rung;
    rung.compute = rung.gflops = compute;
    rung.mlp_ratio = rung.head_ratio = rung.sparsity = 1 - compute;
    rung.fidelity = (1 + compute) / 2;
    rungs.push_back(rung);
  }
  return rungs;
}

ServedModel MakeModel() {
  VitConfig config;
  config.architecture = "fuzzed";
  config.image_height = config.image_width = config.patch_size = 8;
  config.embed_dim = config.head_dim = 16;
  config.depth = config.num_heads = 1;
  config.mlp_hidden = 64;
  config.num_classes = 4;
  auto ladder = Ladder::FromRungs(MakeRungs());
  CHECK_THAT(ladder.ok());
  ServedModel model(config, *std::move(ladder));
  model.name = "tiny";
  model.preprocessing.height = model.preprocessing.width = 8;
  model.labels = ClassLabels({"ant", "bee", "cat", "dog"});
  for (PoolingSupport& pooling : model.poolings) {
    pooling.space_id = [](int dimensions) { return absl::StrCat("space", dimensions); };
  }
  return model;
}

}  // namespace

const ServedModel& FuzzedModel() {
  static const auto* const model = new ServedModel(MakeModel());
  return *model;
}

bool ParseMessage(const uint8_t* data, size_t size, google::protobuf::Message& message) {
  // It has a line for every text that is not UTF-8 (the server: library_logs.h).
  static const auto loud = google::protobuf::SetLogHandler(nullptr);
  (void)loud;
  // In two parts, as networks cut messages anywhere.
  const grpc::Slice slices[] = {grpc::Slice(data, size / 2),
                                grpc::Slice(data + size / 2, size - size / 2)};
  const absl::Status read =
      ReadWireMessage(grpc::ByteBuffer(slices, 2), kMostFuzzedBytes, &message);
  if (!read.ok()) CheckError(read);
  return read.ok();
}

absl::Status PrepareImages(google::protobuf::RepeatedPtrField<v1::Image>& images) {
  ImageLimits limits;
  limits.max_pixels = kMostFuzzedPixels;
  limits.preprocessing = FuzzedModel().preprocessing;
  for (v1::Image& image : images) {
    ASSIGN_OR_RETURN(const ImageInput input, ReadImageInput(image, limits));
    std::vector<float> values = input.values;
    if (input.needs_preparation()) RETURN_IF_ERROR(PrepareImage(input, limits, values));
    CHECK_THAT(values.size() == limits.input_values());
  }
  return absl::OkStatus();
}

absl::Status CheckBudget(const Budget& budget) {
  const ServedModel& model = FuzzedModel();
  const LatencyEstimate latency = [](int rung) { return absl::Milliseconds(3 * (rung + 1)); };
  ASSIGN_OR_RETURN(const RungInterval rungs, ResolveBudget(budget, model.ladder, nullptr,
                                                           model.cost, BudgetLimits(), latency));
  CHECK_THAT(0 <= rungs.floor && rungs.floor <= rungs.wanted);
  CHECK_THAT(rungs.wanted < model.ladder.size());
  CHECK_THAT(rungs.requested_compute > 0 && rungs.requested_compute <= 1);
  return absl::OkStatus();
}

void CheckError(const absl::Status& error) {
  const RpcError rpc = ToRpcError(error);
  CHECK_THAT(rpc.status.error_code() != grpc::StatusCode::INTERNAL);
  CHECK_THAT(rpc.status.error_code() != grpc::StatusCode::OK);
  const HttpResponse http = ToHttpError(error);
  CHECK_THAT(http.status >= 400 && http.status < 500);
  CHECK_THAT(http.body.size() < 8192);  // however large what it complains about
}

}  // namespace snapvit
