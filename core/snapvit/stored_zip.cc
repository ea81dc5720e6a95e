// Offsets and signatures: PKWARE's APPNOTE.TXT 6.3.10, sections 4.3.7, 4.3.12 and 4.3.16. Zip64 is
// not needed: where torch writes its records, the classic ones hold the same numbers.
#include "core/snapvit/stored_zip.h"

#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace snapvit {
namespace {

constexpr size_t kEndSize = 22;
constexpr size_t kCentralSize = 46;
constexpr size_t kLocalSize = 30;
constexpr std::string_view kEndSignature("PK\5\6", 4);
constexpr std::string_view kCentralSignature("PK\1\2", 4);
constexpr std::string_view kLocalSignature("PK\3\4", 4);

// Little-endian numbers of a record that is known to be long enough.
uint32_t U16(std::string_view record, size_t at) {
  return static_cast<uint8_t>(record[at]) |
         static_cast<uint32_t>(static_cast<uint8_t>(record[at + 1])) << 8;
}
uint32_t U32(std::string_view record, size_t at) {
  return U16(record, at) | U16(record, at + 2) << 16;
}

absl::Status Wrong(const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat("is not a readable ZIP archive: ", what));
}

// `size` bytes at `at`, or an error that says what they would have been.
absl::StatusOr<std::string_view> Slice(std::string_view bytes, size_t at, size_t size,
                                       const char* what) {
  if (at > bytes.size() || size > bytes.size() - at) {
    return Wrong(absl::StrCat(what, " of ", size, " bytes at ", at, " is beyond its end, ",
                              bytes.size(), " bytes"));
  }
  return bytes.substr(at, size);
}

}  // namespace

absl::StatusOr<StoredZip> StoredZip::Open(std::string_view bytes) {
  StoredZip zip(bytes);
  RETURN_IF_ERROR(zip.ReadDirectory());
  return zip;
}

absl::Status StoredZip::ReadDirectory() {
  // The end record closes the file, but for a comment of at most 64 KB.
  const size_t end_at = bytes_.rfind(kEndSignature);
  if (end_at == std::string_view::npos) return Wrong("it has no end record");
  ASSIGN_OR_RETURN(const std::string_view end, Slice(bytes_, end_at, kEndSize, "end record"));
  const uint32_t count = U16(end, 10);
  size_t at = U32(end, 16);
  for (uint32_t i = 0; i < count; ++i) {
    ASSIGN_OR_RETURN(const std::string_view record,
                     Slice(bytes_, at, kCentralSize, "directory entry"));
    if (record.substr(0, 4) != kCentralSignature) return Wrong("its directory is damaged");
    ASSIGN_OR_RETURN(const std::string_view name,
                     Slice(bytes_, at + kCentralSize, U16(record, 28), "name"));
    const bool encrypted = (U16(record, 8) & 1) != 0;
    if (encrypted || U16(record, 10) != 0 || U32(record, 20) != U32(record, 24)) {
      return Wrong(absl::StrCat("entry ", std::string(name),
                                " is compressed or encrypted, expected a stored one"));
    }
    const Entry entry{U32(record, 42), U32(record, 24), U32(record, 16)};
    if (!entries_.emplace(name, entry).second) {
      return Wrong(absl::StrCat("it has two entries named ", std::string(name)));
    }
    at += kCentralSize + name.size() + U16(record, 30) + U16(record, 32);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string_view> StoredZip::Read(const std::string& name) const {
  const auto it = entries_.find(name);
  if (it == entries_.end()) return absl::NotFoundError(absl::StrCat("has no entry ", name));
  const Entry& entry = it->second;
  ASSIGN_OR_RETURN(const std::string_view local,
                   Slice(bytes_, entry.header, kLocalSize, "local header"));
  if (local.substr(0, 4) != kLocalSignature) {
    return Wrong(absl::StrCat("the local header of ", name, " is damaged"));
  }
  const size_t start = entry.header + kLocalSize + U16(local, 26) + U16(local, 28);
  ASSIGN_OR_RETURN(const std::string_view content,
                   Slice(bytes_, start, entry.size, "content of an entry"));
  const auto* data = reinterpret_cast<const Bytef*>(content.data());
  if (crc32(0, data, static_cast<uInt>(content.size())) != entry.crc) {
    return Wrong(absl::StrCat("the checksum of ", name, " is wrong"));
  }
  return content;
}

}  // namespace snapvit
