#include "core/model/safetensors_header.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/status_macros.h"
#include "core/model/json_document.h"

namespace snapvit {
namespace {

using Json = nlohmann::json;

static_assert(std::endian::native == std::endian::little,
              "tensors are used as they lie in the file");

constexpr char kMetadataKey[] = "__metadata__";
constexpr size_t kLengthBytes = sizeof(uint64_t);
constexpr size_t kMaxRank = 16;
constexpr JsonLimits kHeaderLimits = {.max_depth = 4};

// A tensor's name as a message can show it: on one line and not too long.
std::string Quoted(const std::string& name) {
  std::string shown = absl::CHexEscape(name.substr(0, 200));
  if (name.size() > 200) shown += "…";
  return absl::StrCat("tensor \"", shown, "\"");
}

absl::Status Bad(const std::string& where, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat(where, ": ", what));
}

// shape × element size, or nothing on overflow.
std::optional<uint64_t> ByteSize(const TensorShape& shape, TensorDtype dtype) {
  uint64_t bytes = DtypeSize(dtype);
  for (const int64_t extent : shape) {
    if (__builtin_mul_overflow(bytes, static_cast<uint64_t>(extent), &bytes)) return std::nullopt;
  }
  // A zero extent hides an overflow of the others, which torch would still compute strides from.
  uint64_t nonzero = DtypeSize(dtype);
  for (const int64_t extent : shape) {
    if (extent != 0 && __builtin_mul_overflow(nonzero, static_cast<uint64_t>(extent), &nonzero)) {
      return std::nullopt;
    }
  }
  if (nonzero > static_cast<uint64_t>(INT64_MAX)) return std::nullopt;
  return bytes;
}

absl::StatusOr<TensorShape> ReadShape(const Json& json, const std::string& where) {
  if (!json.is_array()) {
    return Bad(where, absl::StrCat("shape is ", json.type_name(), ", expected an array"));
  }
  if (json.size() > kMaxRank) {
    return Bad(where,
               absl::StrCat("shape has ", json.size(), " dimensions, expected at most ", kMaxRank));
  }
  TensorShape shape;
  for (const Json& extent : json) {
    if (!extent.is_number_unsigned() || extent.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX)) {
      return Bad(where, absl::StrCat("shape has the extent ", extent.dump(),
                                     ", expected integers from 0 to 2^63 - 1"));
    }
    shape.push_back(extent.get<int64_t>());
  }
  return shape;
}

absl::Status ReadOffsets(const Json& json, const std::string& where, uint64_t data_size,
                         TensorEntry& entry) {
  if (!json.is_array() || json.size() != 2 || !json[0].is_number_unsigned() ||
      !json[1].is_number_unsigned()) {
    return Bad(where, "data_offsets is not an array of two non-negative integers");
  }
  entry.begin = json[0].get<uint64_t>();
  entry.end = json[1].get<uint64_t>();
  if (entry.begin > entry.end || entry.end > data_size) {
    return Bad(where, absl::StrCat("data_offsets [", entry.begin, ", ", entry.end,
                                   "] do not lie in order within the file's ", data_size,
                                   " bytes of data"));
  }
  return absl::OkStatus();
}

absl::StatusOr<TensorEntry> ReadEntry(const Json& json, const std::string& where,
                                      uint64_t data_size) {
  if (!json.is_object() || json.size() != 3 || !json.contains("dtype") || !json.contains("shape") ||
      !json.contains("data_offsets")) {
    return Bad(where, "expected an object with exactly dtype, shape and data_offsets");
  }
  TensorEntry entry;
  const Json& dtype = json["dtype"];
  const std::optional<TensorDtype> known =
      dtype.is_string() ? DtypeFromName(dtype.get_ref<const std::string&>()) : std::nullopt;
  if (!known) {
    return Bad(where, absl::StrCat("dtype is ", absl::CHexEscape(dtype.dump().substr(0, 40)),
                                   ", expected one of ", std::string(KnownDtypeNames())));
  }
  entry.dtype = *known;
  ASSIGN_OR_RETURN(entry.shape, ReadShape(json["shape"], where));
  RETURN_IF_ERROR(ReadOffsets(json["data_offsets"], where, data_size, entry));
  const std::optional<uint64_t> bytes = ByteSize(entry.shape, entry.dtype);
  if (!bytes) {
    return Bad(where, absl::StrCat("the size of shape ", ShapeString(entry.shape), " overflows"));
  }
  if (*bytes != entry.end - entry.begin) {
    return Bad(where, absl::StrCat("holds ", entry.end - entry.begin, " bytes, expected ", *bytes,
                                   " for shape ", ShapeString(entry.shape), " of ",
                                   std::string(DtypeName(entry.dtype))));
  }
  return entry;
}

absl::Status ReadMetadata(const Json& json, const std::string& path, SafetensorsIndex& index) {
  if (!json.is_object()) return Bad(path, "__metadata__ is not an object");
  for (const auto& item : json.items()) {
    if (!item.value().is_string()) {
      return Bad(path,
                 absl::StrCat("__metadata__ key \"", absl::CHexEscape(item.key().substr(0, 200)),
                              "\" is ", item.value().type_name(), ", expected a string"));
    }
    index.metadata[item.key()] = item.value().get<std::string>();
  }
  return absl::OkStatus();
}

// Every byte of the data belongs to exactly one tensor.
absl::Status CheckCoverage(const SafetensorsIndex& index, uint64_t data_size,
                           const std::string& path) {
  using Item = const std::pair<const std::string, TensorEntry>*;
  std::vector<Item> order;
  for (const auto& item : index.tensors) order.push_back(&item);
  std::sort(order.begin(), order.end(), [](Item a, Item b) {
    return std::pair(a->second.begin, a->second.end) < std::pair(b->second.begin, b->second.end);
  });
  uint64_t covered = 0;
  for (const Item item : order) {
    if (item->second.begin != covered) {
      return Bad(
          absl::StrCat(path, ": ", Quoted(item->first)),
          absl::StrCat("starts at byte ", item->second.begin, " of the data, expected ", covered,
                       item->second.begin < covered ? " (tensors overlap)" : " (a hole)"));
    }
    covered = item->second.end;
  }
  if (covered != data_size) {
    return Bad(path, absl::StrCat("the tensors cover ", covered, " bytes of data, the file has ",
                                  data_size));
  }
  return absl::OkStatus();
}

// The JSON header's text.
absl::StatusOr<std::string_view> HeaderText(std::span<const std::byte> file,
                                            const std::string& path) {
  if (file.size() < kLengthBytes) {
    return Bad(path, absl::StrCat("is not a safetensors file: ", file.size(),
                                  " bytes, expected at least ", kLengthBytes));
  }
  uint64_t length = 0;
  std::memcpy(&length, file.data(), kLengthBytes);
  if (length > kMaxSafetensorsHeader) {
    return Bad(path, absl::StrCat("is not a safetensors file: its header would be ", length,
                                  " bytes long, expected at most ", kMaxSafetensorsHeader));
  }
  if (length > file.size() - kLengthBytes) {
    return Bad(path,
               absl::StrCat("is truncated: its header is ", length, " bytes long, the file has ",
                            file.size() - kLengthBytes, " after the length"));
  }
  const char* text = reinterpret_cast<const char*>(file.data()) + kLengthBytes;
  if (length == 0 || text[0] != '{') {
    return Bad(path, "is not a safetensors file: its header does not start with {");
  }
  return std::string_view(text, length);
}

Json HeaderJson(const std::vector<std::pair<std::string, TensorView>>& order,
                const std::map<std::string, std::string>& metadata) {
  Json header = Json::object();
  if (!metadata.empty()) header[kMetadataKey] = metadata;
  uint64_t offset = 0;
  for (const auto& [name, tensor] : order) {
    const uint64_t end = offset + tensor.bytes.size();
    header[name] = {{"dtype", std::string(DtypeName(tensor.dtype))},
                    {"shape", tensor.shape},
                    {"data_offsets", {offset, end}}};
    offset = end;
  }
  return header;
}

absl::Status CheckWritable(const std::string& name, const TensorView& tensor) {
  if (name == kMetadataKey) return Bad(Quoted(name), "the name is reserved");
  for (const int64_t extent : tensor.shape) {
    if (extent < 0)
      return Bad(Quoted(name), absl::StrCat("negative extent in ", ShapeString(tensor.shape)));
  }
  const std::optional<uint64_t> bytes = ByteSize(tensor.shape, tensor.dtype);
  if (!bytes || *bytes != tensor.bytes.size()) {
    return Bad(Quoted(name), absl::StrCat(tensor.bytes.size(), " bytes given for shape ",
                                          ShapeString(tensor.shape), " of ",
                                          std::string(DtypeName(tensor.dtype))));
  }
  return absl::OkStatus();
}

}  // namespace

std::string ShapeString(const TensorShape& shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

absl::StatusOr<SafetensorsIndex> ParseSafetensors(std::span<const std::byte> file,
                                                  const std::string& path) {
  ASSIGN_OR_RETURN(const std::string_view text, HeaderText(file, path));
  ASSIGN_OR_RETURN(const Json header,
                   ParseJson(text, absl::StrCat(path, " (header)"), kHeaderLimits));
  SafetensorsIndex index;
  index.data_offset = kLengthBytes + text.size();
  const uint64_t data_size = file.size() - index.data_offset;
  for (const auto& item : header.items()) {
    if (item.key() == kMetadataKey) {
      RETURN_IF_ERROR(ReadMetadata(item.value(), path, index));
      continue;
    }
    ASSIGN_OR_RETURN(
        index.tensors[item.key()],
        ReadEntry(item.value(), absl::StrCat(path, ": ", Quoted(item.key())), data_size));
  }
  RETURN_IF_ERROR(CheckCoverage(index, data_size, path));
  return index;
}

absl::StatusOr<std::string> SerializeSafetensors(
    const std::map<std::string, TensorView>& tensors,
    const std::map<std::string, std::string>& metadata) {
  for (const auto& [name, tensor] : tensors) RETURN_IF_ERROR(CheckWritable(name, tensor));
  std::vector<std::pair<std::string, TensorView>> order(tensors.begin(), tensors.end());
  std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return DtypeSize(a.second.dtype) > DtypeSize(b.second.dtype);
  });
  std::string header;
  try {
    header = HeaderJson(order, metadata).dump();
  } catch (const Json::exception& error) {  // a name or value that is not UTF-8
    return absl::InvalidArgumentError(absl::StrCat("cannot write safetensors: ", error.what()));
  }
  header.resize((header.size() + 7) / 8 * 8, ' ');
  const uint64_t length = header.size();
  std::string content(reinterpret_cast<const char*>(&length), sizeof(length));
  content += header;
  for (const auto& [name, tensor] : order) {
    content.append(reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size());
  }
  return content;
}

}  // namespace snapvit
