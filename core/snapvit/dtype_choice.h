// In which dtype a model is searched and served if the choice is open: `--dtype auto`.
#ifndef SNAPVIT_CORE_SNAPVIT_DTYPE_CHOICE_H_
#define SNAPVIT_CORE_SNAPVIT_DTYPE_CHOICE_H_

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/elastic/elastic_model.h"
#include "core/elastic/execution_dtype.h"
#include "core/model/vit_config.h"
#include "core/snapvit/calibration.h"

namespace snapvit {

// Whether a GPU, or this processor with a model of this shape, computes faster in bf16 than in f32.
bool Bfloat16IsFast(const VitConfig& config, bool on_gpu);

// Of the weights that a search for an ordering runs views on. REQUIRES: not kInt8.
at::ScalarType SearchDtype(ExecutionDtype dtype);

// bf16 is good enough to be served from here on.
inline constexpr double kLeastBfloat16Cosine = 0.999;

// Of the embeddings of one model in bf16 and in f32, after subtracting the mean of the latter: the
// cosine of the image where it is least, of the dense rung and of the smallest.
struct DtypeComparison {
  double dense = 0;
  double smallest = 0;

  bool GoodEnough() const {
    return dense >= kLeastBfloat16Cosine && smallest >= kLeastBfloat16Cosine;
  }
};

// Embeddings [images, D] of the dense rung and of the smallest, for up to 16 images of `source`
// (those that can be read; FAILED_PRECONDITION if fewer than two can).
struct RungEmbeddings {
  at::Tensor dense, smallest;
};
absl::StatusOr<RungEmbeddings> EmbeddingsToCompare(const ElasticModel& model,
                                                   const CalibrationSource& source);

DtypeComparison Compare(const RungEmbeddings& bfloat16, const RungEmbeddings& float32);

// One line of text, and back; INVALID_ARGUMENT if it is anything else.
std::string ToText(const DtypeComparison& comparison);
absl::StatusOr<DtypeComparison> ParseDtypeComparison(const std::string& text);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SNAPVIT_DTYPE_CHOICE_H_
