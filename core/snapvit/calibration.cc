#include "core/snapvit/calibration.h"

#include <algorithm>
#include <filesystem>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "core/base/file.h"
#include "core/base/status_macros.h"
#include "core/image/decode.h"
#include "core/snapvit/random.h"
#include "core/snapvit/synthetic_image.h"

namespace snapvit {
namespace {

constexpr size_t kMaxImageBytes = size_t{256} << 20;

bool HasImageExtension(const std::filesystem::path& path) {
  const std::string extension = absl::AsciiStrToLower(path.extension().string());
  return extension == ".jpg" || extension == ".jpeg" || extension == ".png" || extension == ".webp";
}

class FolderSource final : public CalibrationSource {
 public:
  FolderSource(std::string folder, std::vector<std::string> files)
      : folder_(std::move(folder)), files_(std::move(files)) {}

  size_t size() const override { return files_.size(); }

  absl::StatusOr<Image> Get(size_t index) const override {
    const std::string& file = files_[index];
    ASSIGN_OR_RETURN(const std::string bytes, ReadFile(file, kMaxImageBytes));
    absl::StatusOr<Image> image = DecodeImage(
        std::span(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()), DecodeOptions());
    if (image.ok()) return image;
    return absl::Status(image.status().code(), absl::StrCat(file, ": ", image.status().message()));
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
  namespace fs = std::filesystem;
  std::error_code error;
  std::vector<std::string> files;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    if (it->is_regular_file(error) && HasImageExtension(it->path())) {
      files.push_back(it->path().string());
    }
  }
  if (error) {
    return absl::NotFoundError(
        absl::StrCat("cannot list calibration images in ", folder, ": ", error.message()));
  }
  if (files.empty()) {
    return absl::NotFoundError(absl::StrCat("no calibration images in ", folder,
                                            ": expected .jpg, .jpeg, .png or .webp files"));
  }
  std::sort(files.begin(), files.end());
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
