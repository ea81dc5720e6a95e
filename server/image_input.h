// ImageInput: one image of a request, checked as far as that costs next to nothing (forms, sizes,
// the header of an encoded file), and its way to the model's input.
#ifndef SNAPVIT_SERVER_IMAGE_INPUT_H_
#define SNAPVIT_SERVER_IMAGE_INPUT_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/image/preprocessing.h"
#include "snapvit/v1/types.pb.h"

namespace snapvit {

struct ImageInput {
  enum class Form { kEncoded, kPixels, kTensor };
  Form form = Form::kEncoded;
  std::string bytes;  // the file or the RGB; empty for kTensor
  int height = 0;     // of kPixels
  int width = 0;
  std::vector<float> values;  // of kTensor: the model's input

  bool needs_preparation() const { return form != Form::kTensor; }
};

// What is expected of images. `preprocessing` gives the model's input size.
struct ImageLimits {
  size_t max_pixels = 64'000'000;
  Preprocessing preprocessing;

  size_t input_values() const { return size_t{3} * preprocessing.height * preprocessing.width; }
};

// Takes the bytes out of `image`, so that they are held once. INVALID_ARGUMENT: no source, bytes
// that are no image, sizes that do not fit, a tensor of another shape or type or with values that
// are not finite. RESOURCE_EXHAUSTED: more than max_pixels.
absl::StatusOr<ImageInput> ReadImageInput(v1::Image& image, const ImageLimits& limits);

// Decodes and preprocesses `input` into `values`, [3, H, W]. Errors as DecodeImage's.
// REQUIRES: input.needs_preparation().
absl::Status PrepareImage(const ImageInput& input, const ImageLimits& limits,
                          std::vector<float>& values);

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_IMAGE_INPUT_H_
