// Preprocessing: how a decoded image becomes the model's input, as data (read from the checkpoint's
// configuration): scale, cut the middle or pad around it, rescale, normalise, in this order.
#ifndef SNAPVIT_CORE_IMAGE_PREPROCESSING_H_
#define SNAPVIT_CORE_IMAGE_PREPROCESSING_H_

#include <array>
#include <cstdint>
#include <optional>

namespace snapvit {

// Pillow's resampling filters.
enum class Interpolation { kBilinear, kBicubic, kLanczos, kNearest, kBox, kHamming };

// To which size an image of w x h is scaled, given a target.
enum class ResizeMode {
  // So that it covers the target: where that is square, the shorter edge to its edge and the longer
  // in proportion, rounded down; else w and h divided by min(w / target.width, h / target.height),
  // rounded half to even. Two rules, since timm has two and transformers the first.
  kCover,
  kFit,               // inside the target: by the larger quotient, rounded half to even
  kStretch,           // to the target
  kKeep,              // not scaled
  kRequireInputSize,  // neither scaled nor cut: an image of another size is refused
};

// How the middle is found where the scaled image and the input differ by an odd number of pixels.
enum class Centering {
  kTimm,             // cut from round(excess / 2), half to even; the smaller half of padding first
  kTransformersPil,  // cut from floor(excess / 2); the larger half of padding first
  kTransformersTorch,  // cut from floor(excess / 2); the smaller half of padding first
};

struct ImageSize {
  int height = 0;
  int width = 0;
};

struct Preprocessing {
  int height = 0;  // of the model's input, pixels
  int width = 0;
  ResizeMode resize = ResizeMode::kCover;
  std::optional<ImageSize> resize_to;  // the target; where not given, the input's size
  Interpolation interpolation = Interpolation::kBicubic;
  // Scale in float32, rescaled first and not rounded to bytes in between, as torchvision does with
  // tensors (bilinear and bicubic only). Otherwise bytes, as Pillow does.
  bool float_resize = false;
  Centering centering = Centering::kTimm;
  std::array<uint8_t, 3> fill = {};  // around a scaled image that is smaller than the input
  double rescale = 1.0 / 255;        // from bytes to what mean and std are of
  std::array<float, 3> mean = {};
  std::array<float, 3> std = {1, 1, 1};
};

}  // namespace snapvit

#endif  // SNAPVIT_CORE_IMAGE_PREPROCESSING_H_
