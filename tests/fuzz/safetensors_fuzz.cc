// Checkpoint and ordering files as containers. What is accepted lies within the file, and is read
// back as it was when it is written again.
#include <map>
#include <span>
#include <string>

#include "core/model/safetensors_header.h"
#include "tests/fuzz/fuzz.h"

namespace snapvit {
namespace {

void CheckWritesBack(std::span<const std::byte> file, const SafetensorsIndex& index) {
  std::map<std::string, TensorView> tensors;
  for (const auto& [name, entry] : index.tensors) {
    CHECK_THAT(entry.begin <= entry.end && entry.end <= file.size() - index.data_offset);
    tensors[name] = {entry.dtype, entry.shape,
                     file.subspan(index.data_offset + entry.begin, entry.end - entry.begin)};
  }
  const auto written = SerializeSafetensors(tensors, index.metadata);
  CHECK_THAT(written.ok());
  const auto again = ParseSafetensors(std::as_bytes(std::span(*written)), "again");
  CHECK_THAT(again.ok());
  CHECK_THAT(again->metadata == index.metadata);
  CHECK_THAT(again->tensors.size() == index.tensors.size());
}

}  // namespace
}  // namespace snapvit

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto file = std::as_bytes(std::span(data, size));
  const auto index = snapvit::ParseSafetensors(file, "file");
  if (index.ok()) snapvit::CheckWritesBack(file, *index);
  return 0;
}
