#include "client/image_input.h"

#include <bit>
#include <string>

#include "absl/strings/str_cat.h"

namespace snapvit::client {
namespace {

// Tensors go over the wire as little-endian float32; all machines that this builds for store them
// so.
static_assert(std::endian::native == std::endian::little && sizeof(float) == 4);

absl::Status CheckSize(const char* what, uint32_t height, uint32_t width, size_t got) {
  const uint64_t expected = uint64_t{3} * height * width;
  if (got == expected) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(what, " of ", height, " x ", width, " has ", got,
                                                 " elements, expected ", expected));
}

absl::Status Check(const EncodedImage&) { return absl::OkStatus(); }

absl::Status Check(const RgbImage& image) {
  return CheckSize("RGB image", image.height, image.width, image.rgb.size());
}

absl::Status Check(const InputTensor& image) {
  return CheckSize("input tensor", image.height, image.width, image.values.size());
}

void Fill(const EncodedImage& image, v1::Image& proto) {
  proto.set_encoded(image.bytes.data(), image.bytes.size());
}

void Fill(const RgbImage& image, v1::Image& proto) {
  v1::Pixels& pixels = *proto.mutable_pixels();
  pixels.set_height(image.height);
  pixels.set_width(image.width);
  pixels.set_rgb(image.rgb.data(), image.rgb.size());
}

void Fill(const InputTensor& image, v1::Image& proto) {
  v1::Tensor& tensor = *proto.mutable_tensor();
  tensor.set_dtype(v1::DTYPE_FP32);
  for (const int64_t size : {int64_t{3}, int64_t{image.height}, int64_t{image.width}}) {
    tensor.add_shape(size);
  }
  tensor.set_data(image.values.data(), image.values.size_bytes());
}

size_t Bytes(const EncodedImage& image) { return image.bytes.size(); }
size_t Bytes(const RgbImage& image) { return image.rgb.size_bytes(); }
size_t Bytes(const InputTensor& image) { return image.values.size_bytes(); }

}  // namespace

size_t PayloadBytes(const ImageInput& image) {
  return std::visit([](const auto& form) { return Bytes(form); }, image);
}

absl::Status CheckImage(const ImageInput& image) {
  return std::visit([](const auto& form) { return Check(form); }, image);
}

void FillImage(const ImageInput& image, v1::Image& proto) {
  std::visit([&proto](const auto& form) { Fill(form, proto); }, image);
}

}  // namespace snapvit::client
