#include "client/cli/npy_file.h"

#include <bit>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/file.h"

namespace snapvit::cli {
namespace {

static_assert(std::endian::native == std::endian::little && sizeof(float) == 4);

constexpr size_t kAlignment = 64;
constexpr size_t kPreambleBytes = 10;  // magic, version, header length

std::string Header(std::span<const int64_t> shape) {
  std::string header = absl::StrCat("{'descr': '<f4', 'fortran_order': False, 'shape': (",
                                    absl::StrJoin(shape.begin(), shape.end(), ", "),
                                    shape.size() == 1 ? ",)" : ")", ", }");
  // Spaces and a line break, so that the data starts aligned.
  const size_t unpadded = kPreambleBytes + header.size() + 1;
  header.append((kAlignment - unpadded % kAlignment) % kAlignment, ' ');
  return header + "\n";
}

}  // namespace

absl::Status WriteNpy(const std::string& path, std::span<const int64_t> shape,
                      std::span<const float> values) {
  const std::string header = Header(shape);
  std::string content("\x93NUMPY\x01\x00", 8);
  content += static_cast<char>(header.size() & 0xff);
  content += static_cast<char>(header.size() >> 8);
  content += header;
  content.append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
  return WriteFileAtomically(path, content);
}

}  // namespace snapvit::cli
