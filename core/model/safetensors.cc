#include "core/model/safetensors.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "core/base/file.h"
#include "core/base/status_macros.h"

namespace snapvit {
namespace {

absl::StatusOr<std::span<const std::byte>> MapFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", path));
  absl::Cleanup closer = [fd] { close(fd); };
  struct stat info = {};
  if (fstat(fd, &info) != 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot stat ", path));
  if (!S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is not a regular file"));
  }
  const auto size = static_cast<size_t>(info.st_size);
  if (size == 0) return std::span<const std::byte>();  // mmap refuses an empty file
  void* address = mmap(/*addr=*/nullptr, size, PROT_READ, MAP_SHARED, fd, /*offset=*/0);
  if (address == MAP_FAILED) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot map ", size, " bytes of ", path));
  }
  return std::span(static_cast<const std::byte*>(address), size);
}

}  // namespace

absl::StatusOr<std::shared_ptr<const SafetensorsFile>> SafetensorsFile::Open(
    const std::string& path) {
  ASSIGN_OR_RETURN(const std::span<const std::byte> bytes, MapFile(path));
  std::shared_ptr<SafetensorsFile> file(new SafetensorsFile(path, bytes));  // now owns the mapping
  ASSIGN_OR_RETURN(file->index_, ParseSafetensors(bytes, path));
  return file;
}

SafetensorsFile::~SafetensorsFile() {
  if (!bytes_.empty()) munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

std::vector<std::string> SafetensorsFile::Names() const {
  std::vector<std::string> names;
  for (const auto& item : index_.tensors) names.push_back(item.first);
  return names;
}

absl::StatusOr<TensorView> SafetensorsFile::Tensor(const std::string& name) const {
  const auto found = index_.tensors.find(name);
  if (found == index_.tensors.end()) {
    return absl::NotFoundError(absl::StrCat(path_, " has no tensor \"", name, "\""));
  }
  const TensorEntry& entry = found->second;
  return TensorView{
      .dtype = entry.dtype,
      .shape = entry.shape,
      .bytes = bytes_.subspan(index_.data_offset + entry.begin, entry.end - entry.begin)};
}

void SafetensorsFile::WillReadAll() const {
  if (bytes_.empty()) return;
  madvise(const_cast<std::byte*>(bytes_.data()), bytes_.size(), MADV_WILLNEED);
}

void SafetensorsFile::DropPages() const {
  if (bytes_.empty()) return;
  madvise(const_cast<std::byte*>(bytes_.data()), bytes_.size(), MADV_DONTNEED);
}

absl::Status WriteSafetensors(const std::string& path,
                              const std::map<std::string, TensorView>& tensors,
                              const std::map<std::string, std::string>& metadata) {
  ASSIGN_OR_RETURN(const std::string content, SerializeSafetensors(tensors, metadata));
  return WriteFileAtomically(path, content);
}

}  // namespace snapvit
