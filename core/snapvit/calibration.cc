#include "core/snapvit/calibration.h"

#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/snapvit/image_file.h"
#include "core/snapvit/random.h"
#include "core/snapvit/synthetic_image.h"

namespace snapvit {
namespace {

class FolderSource final : public CalibrationSource {
 public:
  FolderSource(std::string folder, std::vector<std::string> files)
      : folder_(std::move(folder)), files_(std::move(files)) {}

  size_t size() const override { return files_.size(); }

  absl::StatusOr<Image> Get(size_t index) const override {
    return ReadImageFile(files_[index], DecodeOptions());
  }

  std::string Describe() const override { return folder_; }

 private:
  const std::string folder_;
  const std::vector<std::string> files_;
};

class SyntheticSource final : public CalibrationSource {
 public:
  SyntheticSource(size_t size, int height, int width, uint64_t seed)
      : size_(size), height_(height), width_(width), seed_(seed) {}

  size_t size() const override { return size_; }
  absl::StatusOr<Image> Get(size_t index) const override {
    return DrawSyntheticImage(height_, width_, seed_, index);
  }
  std::string Describe() const override { return "synthetic"; }

 private:
  const size_t size_;
  const int height_;
  const int width_;
  const uint64_t seed_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<CalibrationSource>> FolderCalibration(const std::string& folder,
                                                                     uint64_t seed) {
  ASSIGN_OR_RETURN(std::vector<std::string> files, ListImageFiles(folder));
  if (files.empty()) {
    return absl::NotFoundError(absl::StrCat("no calibration images in ", folder,
                                            ": expected .jpg, .jpeg, .png or .webp files"));
  }
  Random random(seed);
  for (size_t i = files.size() - 1; i > 0; --i) {
    std::swap(files[i], files[random.Below(static_cast<int>(i) + 1)]);
  }
  return std::make_unique<FolderSource>(folder, std::move(files));
}

std::unique_ptr<CalibrationSource> SyntheticCalibration(size_t size, int height, int width,
                                                        uint64_t seed) {
  return std::make_unique<SyntheticSource>(size, height, width, seed);
}

}  // namespace snapvit
