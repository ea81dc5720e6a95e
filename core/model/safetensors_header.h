// The safetensors format without files: a u64 little-endian header length, a JSON header
// {name: {dtype, shape, data_offsets: [begin, end]}, "__metadata__": {string: string}}, then the
// data. Pure functions on bytes, so that hostile input can be tried on them directly (tests/fuzz).
#ifndef SNAPVIT_CORE_MODEL_SAFETENSORS_HEADER_H_
#define SNAPVIT_CORE_MODEL_SAFETENSORS_HEADER_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/model/tensor_dtype.h"

namespace snapvit {

// The header may not be longer than this, bytes (the format's own limit).
inline constexpr uint64_t kMaxSafetensorsHeader = 100'000'000;

using TensorShape = std::vector<int64_t>;

// "[2, 3]".
std::string ShapeString(const TensorShape& shape);

struct TensorEntry {
  TensorDtype dtype = TensorDtype::kF32;
  TensorShape shape;   // empty for a scalar
  uint64_t begin = 0;  // bytes from the start of the data
  uint64_t end = 0;
};

// Which tensors a file holds. An ordinary map, so iteration is by name.
struct SafetensorsIndex {
  std::map<std::string, TensorEntry> tensors;
  std::map<std::string, std::string> metadata;
  uint64_t data_offset = 0;  // where the data starts, bytes from the start of the file
};

// Checks the whole layout of a file: lengths, JSON, dtypes, shapes without overflow, each tensor's
// bytes = shape × dtype, data covered exactly once without holes. `file` holds all its bytes;
// `path` is for messages. INVALID_ARGUMENT names the path, the tensor, the value and what was
// expected. The values of the tensors are not looked at.
absl::StatusOr<SafetensorsIndex> ParseSafetensors(std::span<const std::byte> file,
                                                  const std::string& path);

// A tensor as a reader lends it or a writer takes it: `bytes` are borrowed.
struct TensorView {
  TensorDtype dtype = TensorDtype::kF32;
  TensorShape shape;
  std::span<const std::byte> bytes;
};

// The bytes of a file with these tensors: the same input gives the same bytes. Widest elements come
// first (then by name) and the header is padded to 8 bytes, so that every tensor is aligned to its
// dtype. INVALID_ARGUMENT if a tensor's size is not shape × dtype, or if a name is not UTF-8 or is
// reserved.
absl::StatusOr<std::string> SerializeSafetensors(
    const std::map<std::string, TensorView>& tensors,
    const std::map<std::string, std::string>& metadata);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_MODEL_SAFETENSORS_HEADER_H_
