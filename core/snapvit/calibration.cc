#include "core/snapvit/calibration.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/base/file.h"
#include "core/base/random.h"
#include "core/base/status_macros.h"
#include "core/snapvit/image_file.h"

namespace snapvit {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxListBytes = size_t{256} << 20;
constexpr size_t kFewestOfPath = 2;
constexpr size_t kFewestHeldOut = 4;

CalibrationSplit SplitFor(size_t statistics_images) {
  return {statistics_images, std::max(kFewestOfPath, statistics_images / 8),
          std::max(kFewestHeldOut, statistics_images / 3)};
}

// Files of a folder or a list.
class FileSource final : public CalibrationSource {
 public:
  FileSource(std::string name, std::vector<std::string> files, uint64_t seed)
      : name_(std::move(name)), files_(std::move(files)) {
    Random random(seed);
    for (size_t i = files_.size() - 1; i > 0; --i) {
      std::swap(files_[i], files_[random.Below(static_cast<int>(i) + 1)]);
    }
  }

  size_t size() const override { return files_.size(); }

  absl::StatusOr<Image> Get(size_t index) const override {
    return ReadImageFile(files_[index], DecodeOptions());
  }

  std::string Describe() const override { return name_; }

 private:
  const std::string name_;
  std::vector<std::string> files_;
};

class SyntheticSource final : public CalibrationSource {
 public:
  SyntheticSource(SyntheticKind kind, size_t size, int height, int width, uint64_t seed)
      : kind_(kind), size_(size), height_(height), width_(width), seed_(seed) {}

  size_t size() const override { return size_; }
  absl::StatusOr<Image> Get(size_t index) const override {
    return DrawSyntheticImage(kind_, height_, width_, seed_, index);
  }
  std::string Describe() const override { return std::string(SyntheticName(kind_)); }

 private:
  const SyntheticKind kind_;
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
  return std::make_unique<FileSource>(folder, std::move(files), seed);
}

absl::StatusOr<std::unique_ptr<CalibrationSource>> ListCalibration(const std::string& list_file,
                                                                   uint64_t seed) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(list_file, kMaxListBytes));
  const fs::path folder = fs::path(list_file).parent_path();
  std::vector<std::string> files;
  size_t line_number = 0;
  for (const absl::string_view whole_line : absl::StrSplit(text, '\n')) {
    ++line_number;
    const absl::string_view line = absl::StripAsciiWhitespace(whole_line);
    if (line.empty() || line[0] == '#') continue;
    const std::string file = (folder / std::string(line)).string();
    std::error_code ignored;
    if (!fs::is_regular_file(file, ignored)) {
      return absl::NotFoundError(
          absl::StrCat(list_file, " line ", line_number, ": there is no file ", file));
    }
    files.push_back(file);
  }
  if (files.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(list_file, " names no images, expected one path a line"));
  }
  return std::make_unique<FileSource>(list_file, std::move(files), seed);
}

std::unique_ptr<CalibrationSource> SyntheticCalibration(size_t size, int height, int width,
                                                        uint64_t seed, SyntheticKind kind) {
  return std::make_unique<SyntheticSource>(kind, size, height, width, seed);
}

CalibrationSplit SplitCalibration(size_t available, size_t statistics_images) {
  size_t statistics = std::min(statistics_images, available);
  while (SplitFor(statistics).total() > available) --statistics;
  return SplitFor(statistics);
}

size_t CalibrationImagesFor(size_t statistics_images) {
  return std::max(kFewestCalibrationImages, SplitFor(statistics_images).total());
}

absl::StatusOr<std::unique_ptr<CalibrationSource>> OpenCalibration(
    const std::string& name, size_t drawn_images, const Preprocessing& preprocessing,
    uint64_t seed) {
  if (name == "synthetic" || absl::StartsWith(name, "synthetic:")) {
    ASSIGN_OR_RETURN(const SyntheticKind kind, ParseSyntheticKind(name));
    // Drawn larger than the input, so that crops and the resize see detail as they do in
    // photographs.
    return SyntheticCalibration(drawn_images, 2 * preprocessing.height, 2 * preprocessing.width,
                                seed, kind);
  }
  std::error_code ignored;
  if (fs::is_directory(name, ignored)) return FolderCalibration(name, seed);
  if (fs::is_regular_file(name, ignored)) return ListCalibration(name, seed);
  return absl::NotFoundError(absl::StrCat(
      "no calibration images: there is no folder or list file '", name,
      "', and the names of drawn images are synthetic, synthetic:leaves, synthetic:noise and "
      "synthetic:shapes"));
}

void AddToHash(const CalibrationSource& source, Sha256& hash) {
  hash.AddField(absl::StrCat(source.Describe(), " ", source.size()));
  for (const size_t index : {size_t{0}, source.size() - 1}) {
    const absl::StatusOr<Image> image = source.Get(index);
    if (!image.ok()) continue;  // whoever reads the images says so
    hash.AddField(absl::StrCat(image->width, " ", image->height));
    hash.Add(image->rgb.data(), image->rgb.size());
  }
}

}  // namespace snapvit
