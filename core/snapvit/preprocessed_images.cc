#include "core/snapvit/preprocessed_images.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <span>

#include "core/image/preprocess.h"

namespace snapvit {

at::Tensor PreprocessedImages(const CalibrationSource& source, const Preprocessing& preprocessing,
                              size_t first, size_t count, UnreadableImages* unreadable) {
  const size_t end = std::min(source.size(), first + count);
  const size_t images = first < end ? end - first : 0;
  at::Tensor pixels = at::empty(
      {static_cast<int64_t>(images), 3, preprocessing.height, preprocessing.width}, at::kFloat);
  const size_t size = 3 * static_cast<size_t>(preprocessing.height) * preprocessing.width;
  int64_t rows = 0;
  for (size_t i = first; i < end; ++i) {
    const absl::StatusOr<Image> image = source.Get(i);
    const std::span<float> row(pixels.data_ptr<float>() + rows * size, size);
    const absl::Status status =
        image.ok() ? Preprocess(*image, preprocessing, row) : image.status();
    if (status.ok()) {
      ++rows;
    } else if (unreadable != nullptr && unreadable->count++ == 0) {
      unreadable->first = status;
    }
  }
  return pixels.narrow(0, 0, rows);
}

}  // namespace snapvit
