#include "server/image_input.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/status_macros.h"
#include "core/image/decode.h"
#include "core/image/preprocess.h"
#include "server/small_float.h"

namespace snapvit {
namespace {

static_assert(std::endian::native == std::endian::little,
              "tensors are copied from the protocol's little-endian bytes");

std::span<const uint8_t> Bytes(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

absl::Status CheckPixels(uint64_t height, uint64_t width, size_t max_pixels) {
  if (height * width <= max_pixels) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat("image is ", width, " x ", height,
                                                   " pixels, expected at most ", max_pixels,
                                                   " pixels in all (--max-pixels)"));
}

absl::StatusOr<ImageInput> ReadEncoded(std::string& encoded, const ImageLimits& limits) {
  ASSIGN_OR_RETURN(const ImageInfo info, ReadImageInfo(Bytes(encoded)));
  RETURN_IF_ERROR(CheckPixels(info.height, info.width, limits.max_pixels));
  ImageInput input;
  input.bytes = std::move(encoded);
  return input;
}

absl::StatusOr<ImageInput> ReadPixels(v1::Pixels& pixels, const ImageLimits& limits) {
  const uint64_t height = pixels.height();
  const uint64_t width = pixels.width();
  if (height == 0 || width == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("pixels are ", width, " x ", height, ", expected at least 1 x 1"));
  }
  RETURN_IF_ERROR(CheckPixels(height, width, limits.max_pixels));
  if (pixels.rgb().size() != 3 * height * width) {
    return absl::InvalidArgumentError(absl::StrCat("pixels.rgb has ", pixels.rgb().size(),
                                                   " bytes, expected ", 3 * height * width, " for ",
                                                   width, " x ", height, " RGB"));
  }
  ImageInput input;
  input.form = ImageInput::Form::kPixels;
  input.bytes = std::move(*pixels.mutable_rgb());
  input.height = static_cast<int>(height);
  input.width = static_cast<int>(width);
  return input;
}

absl::Status CheckShape(const v1::Tensor& tensor, const Preprocessing& preprocessing) {
  const int64_t expected[] = {3, preprocessing.height, preprocessing.width};
  if (std::equal(tensor.shape().begin(), tensor.shape().end(), std::begin(expected),
                 std::end(expected))) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("tensor has shape [", absl::StrJoin(tensor.shape(), ", "), "], expected [",
                   absl::StrJoin(expected, ", "), "], the model's input"));
}

// Elements of `data`, each read as a Raw and converted.
template <typename Raw, typename Convert>
absl::Status ReadValues(const std::string& data, Convert convert, std::vector<float>& values) {
  if (data.size() != values.size() * sizeof(Raw)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "tensor.data has ", data.size(), " bytes, expected ", values.size() * sizeof(Raw)));
  }
  for (size_t i = 0; i < values.size(); ++i) {
    Raw raw;
    std::memcpy(&raw, data.data() + i * sizeof(Raw), sizeof(Raw));
    values[i] = convert(raw);
  }
  return absl::OkStatus();
}

absl::Status ReadValues(const v1::Tensor& tensor, std::vector<float>& values) {
  switch (tensor.dtype()) {
    case v1::DTYPE_UNSPECIFIED:
    case v1::DTYPE_FP32:
      return ReadValues<float>(
          tensor.data(), [](float value) { return value; }, values);
    case v1::DTYPE_FP16:
      return ReadValues<uint16_t>(tensor.data(), FromFp16, values);
    case v1::DTYPE_BF16:
      return ReadValues<uint16_t>(tensor.data(), FromBf16, values);
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("tensor.dtype is ", v1::DType_Name(tensor.dtype()), " (",
                       static_cast<int>(tensor.dtype()),
                       "), expected DTYPE_FP32, DTYPE_FP16 or DTYPE_BF16: normalised values; use "
                       "pixels for 8-bit RGB"));
  }
}

absl::StatusOr<ImageInput> ReadTensor(v1::Tensor& tensor, const ImageLimits& limits) {
  RETURN_IF_ERROR(CheckShape(tensor, limits.preprocessing));
  ImageInput input;
  input.form = ImageInput::Form::kTensor;
  input.values.resize(limits.input_values());
  RETURN_IF_ERROR(ReadValues(tensor, input.values));
  std::string().swap(*tensor.mutable_data());
  const auto bad = std::find_if(input.values.begin(), input.values.end(),
                                [](float value) { return !std::isfinite(value); });
  if (bad != input.values.end()) {
    return absl::InvalidArgumentError(absl::StrCat("tensor element ", bad - input.values.begin(),
                                                   " is ", *bad, ", expected finite values"));
  }
  return input;
}

absl::StatusOr<Image> Decode(const ImageInput& input, const ImageLimits& limits) {
  if (input.form == ImageInput::Form::kEncoded) {
    DecodeOptions options;
    options.max_pixels = limits.max_pixels;
    return DecodeImage(Bytes(input.bytes), options);
  }
  return Image{input.width, input.height, {input.bytes.begin(), input.bytes.end()}};
}

}  // namespace

absl::StatusOr<ImageInput> ReadImageInput(v1::Image& image, const ImageLimits& limits) {
  switch (image.source_case()) {
    case v1::Image::kEncoded:
      return ReadEncoded(*image.mutable_encoded(), limits);
    case v1::Image::kPixels:
      return ReadPixels(*image.mutable_pixels(), limits);
    case v1::Image::kTensor:
      return ReadTensor(*image.mutable_tensor(), limits);
    case v1::Image::SOURCE_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError("no source is set, expected encoded, pixels or tensor");
}

absl::Status PrepareImage(const ImageInput& input, const ImageLimits& limits,
                          std::vector<float>& values) {
  ASSIGN_OR_RETURN(const Image image, Decode(input, limits));
  values.resize(limits.input_values());
  return Preprocess(image, limits.preprocessing, values);
}

}  // namespace snapvit
