#include "client/cli/bench_images.h"

#include "absl/strings/str_cat.h"
#include "client/cli/image_files.h"
#include "client/image_input.h"
#include "core/base/random.h"
#include "core/base/status_macros.h"

namespace snapvit::cli {
namespace {

// So many that a cache of the last few images would not help a server.
constexpr size_t kSyntheticImages = 16;
// Of files that are held in memory; more are not sent.
constexpr size_t kMaxFiles = 1024;

ImageSlice Slice(const client::ImageInput& image) {
  v1::Image proto;
  client::FillImage(image, proto);
  return SerializeImage(proto);
}

std::vector<ImageSlice> Tensors(uint32_t height, uint32_t width, uint64_t seed) {
  std::vector<ImageSlice> images;
  std::vector<float> values(size_t{3} * height * width);
  for (size_t i = 0; i < kSyntheticImages; ++i) {
    Random random(seed, i);
    for (float& value : values) value = static_cast<float>(random.Uniform(-2, 2));
    images.push_back(Slice(client::InputTensor{height, width, values}));
  }
  return images;
}

std::vector<ImageSlice> Pixels(uint32_t height, uint32_t width, uint64_t seed) {
  std::vector<ImageSlice> images;
  std::vector<uint8_t> rgb(size_t{3} * height * width);
  for (size_t i = 0; i < kSyntheticImages; ++i) {
    Random random(seed, i);
    for (uint8_t& value : rgb) value = static_cast<uint8_t>(random.Bits());
    images.push_back(Slice(client::RgbImage{height, width, rgb}));
  }
  return images;
}

absl::StatusOr<std::vector<ImageSlice>> Files(const std::string& source) {
  const std::string arguments[] = {source};
  ASSIGN_OR_RETURN(std::vector<std::string> paths, ListImages(arguments));
  if (paths.size() > kMaxFiles) paths.resize(kMaxFiles);
  std::vector<ImageSlice> images;
  for (const ImageFile& file : ReadImages(paths)) {
    if (!file.bytes.ok()) return file.bytes.status();
    images.push_back(Slice(client::EncodedImage{*file.bytes}));
  }
  return images;
}

}  // namespace

absl::StatusOr<std::vector<ImageSlice>> MakeBenchImages(const std::string& source, uint32_t height,
                                                        uint32_t width, uint64_t seed) {
  if (source == "tensors") return Tensors(height, width, seed);
  if (source == "pixels") return Pixels(height, width, seed);
  absl::StatusOr<std::vector<ImageSlice>> files = Files(source);
  if (files.ok()) return files;
  return absl::Status(files.status().code(),
                      absl::StrCat(files.status().message(),
                                   " (expected tensors, pixels, or a file or folder of images)"));
}

}  // namespace snapvit::cli
