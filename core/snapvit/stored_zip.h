// StoredZip: reads ZIP archives whose entries are stored as they are, as torch.save writes them.
#ifndef SNAPVIT_CORE_SNAPVIT_STORED_ZIP_H_
#define SNAPVIT_CORE_SNAPVIT_STORED_ZIP_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace snapvit {

// Immutable; refers to the bytes that it was made from, which outlive it.
class StoredZip {
 public:
  // Reads the central directory. INVALID_ARGUMENT, saying what is wrong, for anything that is not
  // a whole archive on one disk with stored, unencrypted entries of different names.
  static absl::StatusOr<StoredZip> Open(std::string_view bytes);

  // The content of the entry with this name, its checksum verified. NOT_FOUND if there is none.
  absl::StatusOr<std::string_view> Read(const std::string& name) const;

  // By name.
  const auto& entries() const { return entries_; }

 private:
  struct Entry {
    size_t header = 0;  // offset of the local header
    size_t size = 0;
    uint32_t crc = 0;
  };
  explicit StoredZip(std::string_view bytes) : bytes_(bytes) {}

  absl::Status ReadDirectory();

  std::string_view bytes_;
  std::map<std::string, Entry> entries_;
};

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SNAPVIT_STORED_ZIP_H_
