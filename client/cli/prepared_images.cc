#include "client/cli/prepared_images.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <utility>

#include "core/base/clock.h"
#include "core/base/status_macros.h"
#include "core/image/decode.h"
#include "core/image/preprocess.h"

namespace snapvit::cli {
namespace {

absl::StatusOr<std::vector<float>> Prepare(const ImageFile& file,
                                           const Preprocessing& preprocessing, bool apply_exif) {
  if (!file.bytes.ok()) return file.bytes.status();
  const std::string& bytes = *file.bytes;
  DecodeOptions options;
  options.apply_exif_orientation = apply_exif;
  ASSIGN_OR_RETURN(
      const Image image,
      DecodeImage({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, options));
  std::vector<float> pixels(size_t{3} * preprocessing.height * preprocessing.width);
  RETURN_IF_ERROR(Preprocess(image, preprocessing, pixels));
  return pixels;
}

}  // namespace

std::vector<PreparedImage> PrepareImages(std::span<const ImageFile> files,
                                         const Preprocessing& preprocessing, bool apply_exif,
                                         int threads) {
  std::vector<PreparedImage> prepared(files.size());
  std::atomic<size_t> next = 0;
  const auto work = [&] {
    for (size_t i = next++; i < files.size(); i = next++) {
      const absl::Time start = Clock::Monotonic()->Now();
      prepared[i].pixels = Prepare(files[i], preprocessing, apply_exif);
      prepared[i].decode_time = Clock::Monotonic()->Now() - start;
    }
  };
  const size_t cores = threads > 0 ? threads : std::max(1u, std::thread::hardware_concurrency());
  std::vector<std::thread> helpers;
  for (size_t i = 1; i < std::min(cores, files.size()); ++i) helpers.emplace_back(work);
  work();
  for (std::thread& helper : helpers) helper.join();
  return prepared;
}

}  // namespace snapvit::cli
