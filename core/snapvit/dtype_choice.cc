#include "core/snapvit/dtype_choice.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <sstream>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/elastic/elastic_state.h"
#include "core/elastic/packed_model.h"
#include "core/elastic/view_forward.h"
#include "core/kernels/bf16_speed.h"
#include "core/model/torch_guard.h"
#include "core/snapvit/preprocessed_images.h"

namespace snapvit {
namespace {

constexpr size_t kImages = 16;

double LeastCosine(const at::Tensor& bfloat16, const at::Tensor& float32) {
  const at::Tensor mean = float32.mean(0, /*keepdim=*/true);
  return at::cosine_similarity(bfloat16 - mean, float32 - mean).min().item<double>();
}

}  // namespace

bool Bfloat16IsFast(const VitConfig& config, bool on_gpu) {
  return on_gpu || (PackedModel::Supports(config, at::kBFloat16) && Bfloat16SpeedUp() > 1);
}

at::ScalarType SearchDtype(ExecutionDtype dtype) {
  return dtype == ExecutionDtype::kBFloat16 ? at::kBFloat16 : at::kFloat;
}

absl::StatusOr<RungEmbeddings> EmbeddingsToCompare(const ElasticModel& model,
                                                   const CalibrationSource& source) {
  return Guard([&]() -> absl::StatusOr<RungEmbeddings> {
    const c10::InferenceMode inference;
    const at::Tensor pixels =
        PreprocessedImages(source, model.preprocessing(), 0, std::min(kImages, source.size()));
    if (pixels.size(0) < 2) {
      return absl::FailedPreconditionError(
          absl::StrCat("comparing bf16 with f32 needs two images that can be read; ",
                       source.Describe(), " has ", pixels.size(0)));
    }
    const auto embeddings = [&](int rung) {
      std::vector<at::Tensor> parts;
      for (const at::Tensor& part : pixels.split(8)) {
        const at::Tensor tokens = RungTokens(model, rung, part, TokensOfEmbedding(model.config()));
        parts.push_back(PoolDefault(model.state().weights, tokens));
      }
      return at::cat(parts);
    };
    return RungEmbeddings{embeddings(model.ladder().dense()), embeddings(0)};
  });
}

DtypeComparison Compare(const RungEmbeddings& bfloat16, const RungEmbeddings& float32) {
  return {LeastCosine(bfloat16.dense, float32.dense),
          LeastCosine(bfloat16.smallest, float32.smallest)};
}

std::string ToText(const DtypeComparison& comparison) {
  return absl::StrFormat("least cosine of bf16: dense %.6f smallest %.6f\n", comparison.dense,
                         comparison.smallest);
}

absl::StatusOr<DtypeComparison> ParseDtypeComparison(const std::string& text) {
  DtypeComparison comparison;
  std::istringstream in(text);
  std::string word;
  for (const char* expected : {"least", "cosine", "of", "bf16:", "dense"}) {
    if (!(in >> word) || word != expected) return absl::InvalidArgumentError("not a comparison");
  }
  if (!(in >> comparison.dense >> word >> comparison.smallest) || word != "smallest") {
    return absl::InvalidArgumentError("not a comparison");
  }
  return comparison;
}

}  // namespace snapvit
