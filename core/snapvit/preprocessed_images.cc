#include "core/snapvit/preprocessed_images.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/elastic/aten_threads.h"
#include "core/image/preprocess.h"

namespace snapvit {

absl::Status CheckReadable(const UnreadableImages& unreadable, size_t tried) {
  if (unreadable.count < tried && unreadable.count <= tried / 10) return absl::OkStatus();
  return absl::Status(
      unreadable.first.code(),
      absl::StrCat(unreadable.count, " of ", tried,
                   " calibration images failed; the first: ", unreadable.first.message()));
}

at::Tensor ImageInputs(const CalibrationSource& source, const Preprocessing& preprocessing,
                       size_t first, size_t count, size_t views, ImageViews write,
                       UnreadableImages* unreadable) {
  const size_t end = std::min(source.size(), first + count);
  const size_t images = first < end ? end - first : 0;
  const size_t size = views * 3 * static_cast<size_t>(preprocessing.height) * preprocessing.width;
  at::Tensor pixels = at::empty({static_cast<int64_t>(images), static_cast<int64_t>(size)});
  const std::span<float> all(pixels.data_ptr<float>(), images * size);
  std::vector<absl::Status> statuses(images);
  std::atomic<size_t> next = 0;
  const auto work = [&](int) {
    for (size_t i = next++; i < images; i = next++) {
      const absl::StatusOr<Image> image = source.Get(first + i);
      statuses[i] =
          image.ok() ? write(*image, first + i, all.subspan(i * size, size)) : image.status();
    }
  };
  const size_t threads = std::min<size_t>(at::get_num_threads(), images);
  if (threads > 0) RunOnOpenMp(static_cast<int>(threads), work);

  size_t rows = 0;
  for (size_t i = 0; i < images; ++i) {
    if (!statuses[i].ok()) {
      if (unreadable != nullptr && unreadable->count++ == 0) unreadable->first = statuses[i];
      continue;
    }
    if (rows < i) std::ranges::copy(all.subspan(i * size, size), all.data() + rows * size);
    ++rows;
  }
  return pixels.narrow(0, 0, static_cast<int64_t>(rows))
      .view({static_cast<int64_t>(rows * views), 3, preprocessing.height, preprocessing.width});
}

at::Tensor PreprocessedImages(const CalibrationSource& source, const Preprocessing& preprocessing,
                              size_t first, size_t count, UnreadableImages* unreadable) {
  return ImageInputs(
      source, preprocessing, first, count, /*views=*/1,
      [&preprocessing](const Image& image, size_t, std::span<float> out) {
        return Preprocess(image, preprocessing, out);
      },
      unreadable);
}

}  // namespace snapvit
