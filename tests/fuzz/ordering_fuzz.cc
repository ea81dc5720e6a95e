// Ordering files. Sizes that do not fit the data are made to fit, so that the search gets past the
// container (safetensors_fuzz.cc is about that). What is accepted makes a ladder or says why not.
#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>

#include "core/elastic/ladder.h"
#include "core/elastic/ordering.h"
#include "core/model/json_document.h"
#include "core/model/tensor_dtype.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/memory_file.h"

namespace snapvit {
namespace {

using Json = nlohmann::json;

constexpr uint64_t kMostBytes = 1 << 16;  // of the data

// Bytes of the tensor that an entry of the header describes; 0 if it is none, or too large.
uint64_t BytesOf(const Json& entry) {
  if (!entry.is_object() || !entry.contains("dtype") || !entry.contains("shape")) return 0;
  const Json& dtype = entry["dtype"];
  if (!dtype.is_string() || !entry["shape"].is_array()) return 0;
  const auto known = DtypeFromName(dtype.get_ref<const std::string&>());
  if (!known) return 0;
  uint64_t bytes = DtypeSize(*known);
  for (const Json& extent : entry["shape"]) {
    if (!extent.is_number_unsigned() || extent.get<uint64_t>() > kMostBytes) return 0;
    bytes *= extent.get<uint64_t>();
    if (bytes > kMostBytes) return 0;
  }
  return bytes;
}

// The file with offsets and data of the sizes that its shapes ask for; as it is if its header is
// none.
std::string Repaired(std::string_view file) {
  uint64_t length = 0;
  if (file.size() < sizeof(length)) return std::string(file);
  std::memcpy(&length, file.data(), sizeof(length));
  length = std::min<uint64_t>(length, file.size() - sizeof(length));
  const size_t data_at = sizeof(length) + length;
  auto header = ParseJson(file.substr(sizeof(length), length), "header");
  if (!header.ok() || !header->is_object()) return std::string(file);
  uint64_t offset = 0;
  for (auto& [name, entry] : header->items()) {
    if (name == "__metadata__" || !entry.is_object()) continue;
    const uint64_t bytes = BytesOf(entry);
    entry["data_offsets"] = {offset, offset + bytes};
    offset += bytes;
    if (offset > kMostBytes) return std::string(file);
  }
  const std::string text = header->dump();
  length = text.size();
  std::string repaired(reinterpret_cast<const char*>(&length), sizeof(length));
  repaired += text;
  std::string data(file.substr(data_at));
  data.resize(offset);
  return repaired + data;
}

void CheckLadder(const Ordering& ordering) {
  VitConfig config;
  config.architecture = "fuzzed";
  config.image_height = config.image_width = 8;
  config.patch_size = 4;
  config.depth = ordering.blocks;
  config.num_heads = ordering.heads;
  config.head_dim = std::max(1, ordering.corrections.head_dim);
  config.embed_dim = std::max(1, ordering.corrections.embed_dim);
  config.mlp_hidden = ordering.hidden;
  (void)CheckOrderingFits(ordering, config, "none");
  const auto ladder = Ladder::Create(config, &ordering, {.rungs = 5, .channel_multiple = 4});
  if (!ladder.ok()) return;
  CHECK_THAT(ladder->size() >= 1);
  CHECK_THAT(ladder->rung(ladder->dense()).compute == 1);
}

}  // namespace
}  // namespace snapvit

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const snapvit::MemoryFile file(snapvit::Repaired(snapvit::AsText(data, size)));
  const auto ordering = snapvit::ReadOrdering(file.path());
  if (!ordering.ok()) return 0;
  CHECK_THAT(snapvit::ValidateOrdering(*ordering).ok());
  if (ordering->blocks <= 64) snapvit::CheckLadder(*ordering);
  return 0;
}
