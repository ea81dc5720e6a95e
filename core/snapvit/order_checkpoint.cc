#include "core/snapvit/order_checkpoint.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/base/sha256.h"
#include "core/base/status_macros.h"
#include "core/elastic/structure.h"
#include "core/model/safetensors.h"

namespace snapvit {
namespace {

constexpr char kFormat[] = "snapvit-order";
constexpr char kVersion[] = "2";
constexpr char kChecksum[] = "checksum";

std::string UnitsName(size_t half) { return absl::StrCat("units.", half); }
std::string PartName(const KeepStop& stop, const char* what) {
  return absl::StrCat("parts.", stop.first, ".", stop.second, ".", what);
}

template <typename T>
TensorView Row(TensorDtype dtype, const std::vector<T>& values) {
  return {dtype, {static_cast<int64_t>(values.size())}, std::as_bytes(std::span(values))};
}

// REQUIRES: f32, contiguous, on the CPU.
TensorView View(const at::Tensor& tensor) {
  return {TensorDtype::kF32, tensor.sizes().vec(),
          std::as_bytes(std::span(tensor.const_data_ptr<float>(), tensor.numel()))};
}

using Metadata = std::map<std::string, std::string>;

// Of everything but itself.
std::string Checksum(const std::map<std::string, TensorView>& tensors, const Metadata& metadata) {
  Sha256 hash;
  for (const auto& [name, value] : metadata) {
    if (name == kChecksum) continue;
    hash.AddField(name);
    hash.AddField(value);
  }
  for (const auto& [name, tensor] : tensors) {
    hash.AddField(name);
    hash.AddField(ShapeString(tensor.shape));
    hash.Add(tensor.bytes.data(), tensor.bytes.size());
  }
  return hash.HexDigest();
}

template <typename T>
std::vector<T> Values(const TensorView& tensor) {
  std::vector<T> values(tensor.bytes.size() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
  return values;
}

at::Tensor Matrix(const TensorView& tensor) {
  at::Tensor copy = at::empty(tensor.shape, at::kFloat);
  std::memcpy(copy.mutable_data_ptr(), tensor.bytes.data(), tensor.bytes.size());
  return copy;
}

// Every number below `count` once.
bool IsPermutation(std::vector<int> units, int count) {
  std::sort(units.begin(), units.end());
  for (int i = 0; i < count; ++i) {
    if (static_cast<size_t>(i) >= units.size() || units[i] != i) return false;
  }
  return units.size() == static_cast<size_t>(count);
}

// Reads the tensors of a file that are those of a model like `config`; nothing if one is not.
class Reader {
 public:
  Reader(const std::map<std::string, TensorView>& tensors, const VitConfig& config)
      : tensors_(tensors), config_(config), dense_(KeepCounts::Dense(config)) {}

  std::optional<OrderCheckpoint> Read() {
    OrderCheckpoint result;
    if (!ReadOrders(result) || !ReadMeans(result.means)) return std::nullopt;
    for (const auto& [name, tensor] : tensors_) {
      const std::vector<std::string> words = absl::StrSplit(name, '.');
      if (words.size() != 4 || words[0] != "parts" || words[3] != "in") continue;
      KeepStop stop;
      if (!absl::SimpleAtoi(words[1], &stop.first) || !absl::SimpleAtoi(words[2], &stop.second) ||
          !ReadParts(stop, result.parts[stop])) {
        return std::nullopt;
      }
    }
    const std::vector<int32_t> steps = Values<int32_t>(Find("path", TensorDtype::kI32));
    for (size_t i = 0; i + 1 < steps.size(); i += 2) {
      if (!IsStop({steps[i], steps[i + 1]})) return std::nullopt;
      result.path.push_back({steps[i], steps[i + 1]});
    }
    return result;
  }

 private:
  // Empty if it is missing or of another type.
  TensorView Find(const std::string& name, TensorDtype dtype) const {
    const auto it = tensors_.find(name);
    return it == tensors_.end() || it->second.dtype != dtype ? TensorView{dtype, {0}, {}}
                                                             : it->second;
  }

  bool IsStop(const KeepStop& stop) const {
    return stop.first >= 0 && stop.first < 2 * config_.depth && stop.second >= 0 &&
           stop.second <= UnitsOf(dense_, stop.first);
  }

  bool ReadOrders(OrderCheckpoint& result) const {
    for (size_t half = 0; half < 2 * static_cast<size_t>(config_.depth); ++half) {
      std::vector<int> units = Values<int>(Find(UnitsName(half), TensorDtype::kI32));
      if (!IsPermutation(units, UnitsOf(dense_, StructureOfHalf(half, config_.depth)))) {
        return false;
      }
      result.unit_orders.push_back(std::move(units));
    }
    return true;
  }

  bool ReadMeans(Corrections& means) const {
    means.embed_dim = config_.embed_dim;
    means.head_dim = config_.head_dim;
    means.mlp_means = Values<float>(Find("mlp_means", TensorDtype::kF32));
    means.head_means = Values<float>(Find("head_means", TensorDtype::kF32));
    const size_t depth = config_.depth;
    return means.mlp_means.size() == depth * config_.mlp_hidden &&
           means.head_means.size() == depth * config_.num_heads * config_.head_dim;
  }

  bool ReadParts(const KeepStop& stop, LowRankParts& parts) const {
    const TensorView in = Find(PartName(stop, "in"), TensorDtype::kF32);
    const TensorView out = Find(PartName(stop, "out"), TensorDtype::kF32);
    parts.keep = stop.second;
    parts.gains = Values<double>(Find(PartName(stop, "gains"), TensorDtype::kF64));
    const auto rank = static_cast<int64_t>(parts.gains.size());
    const int64_t unit_size = IsMlp(stop.first, config_.depth) ? 1 : config_.head_dim;
    if (!IsStop(stop) || in.shape != TensorShape{stop.second * unit_size, rank} ||
        out.shape != TensorShape{rank, config_.embed_dim}) {
      return false;
    }
    parts.in = Matrix(in);
    parts.out = Matrix(out);
    return true;
  }

  const std::map<std::string, TensorView>& tensors_;
  const VitConfig& config_;
  const KeepCounts dense_;
};

std::string Text(const SafetensorsFile& file, const char* key) {
  const auto it = file.metadata().find(key);
  return it == file.metadata().end() ? "" : it->second;
}

// Zero if it is not there, or is no time.
absl::Duration Time(const SafetensorsFile& file, const char* key) {
  absl::Duration time;
  return absl::ParseDuration(Text(file, key), &time) ? time : absl::ZeroDuration();
}

absl::StatusOr<std::shared_ptr<const SafetensorsFile>> Open(const std::string& path) {
  ASSIGN_OR_RETURN(std::shared_ptr<const SafetensorsFile> file, SafetensorsFile::Open(path));
  if (Text(*file, "format") != kFormat || Text(*file, "version") != kVersion) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " is no '", kFormat, "' file of version '", kVersion, "'"));
  }
  return file;
}

OrderProgress Progress(const SafetensorsFile& file) {
  return {{Time(file, "ranking_time"), Time(file, "path_time"), Time(file, "fidelity_time")},
          Text(file, "ordering_id")};
}

}  // namespace

absl::Status WriteOrderCheckpoint(const OrderCheckpoint& checkpoint, const std::string& path) {
  std::map<std::string, TensorView> tensors = {
      {"mlp_means", Row(TensorDtype::kF32, checkpoint.means.mlp_means)},
      {"head_means", Row(TensorDtype::kF32, checkpoint.means.head_means)},
  };
  for (size_t half = 0; half < checkpoint.unit_orders.size(); ++half) {
    tensors[UnitsName(half)] = Row(TensorDtype::kI32, checkpoint.unit_orders[half]);
  }
  std::vector<at::Tensor> contiguous;  // what the views of the parts borrow
  for (const auto& [stop, parts] : checkpoint.parts) {
    for (const auto& [what, tensor] : {std::pair("in", parts.in), std::pair("out", parts.out)}) {
      contiguous.push_back(tensor.to(at::kCPU, at::kFloat).contiguous());
      tensors[PartName(stop, what)] = View(contiguous.back());
    }
    tensors[PartName(stop, "gains")] = Row(TensorDtype::kF64, parts.gains);
  }
  std::vector<int32_t> steps;
  for (const PathStep& step : checkpoint.path) {
    steps.insert(steps.end(), {step.structure, step.keep});
  }
  tensors["path"] = Row(TensorDtype::kI32, steps);
  Metadata metadata = {{"format", kFormat},
                       {"version", kVersion},
                       {"key", checkpoint.key},
                       {"calibration_source", checkpoint.calibration_source},
                       {"ranking_time", absl::FormatDuration(checkpoint.times.ranking)},
                       {"path_time", absl::FormatDuration(checkpoint.times.path)},
                       {"fidelity_time", absl::FormatDuration(checkpoint.times.fidelity)},
                       {"ordering_id", checkpoint.ordering_id}};
  metadata[kChecksum] = Checksum(tensors, metadata);
  return WriteSafetensors(path, tensors, metadata);
}

absl::StatusOr<OrderCheckpoint> ReadOrderCheckpoint(const std::string& path,
                                                    const VitConfig& config) {
  ASSIGN_OR_RETURN(const std::shared_ptr<const SafetensorsFile> file, Open(path));
  std::map<std::string, TensorView> tensors;
  for (const std::string& name : file->Names()) {
    ASSIGN_OR_RETURN(tensors[name], file->Tensor(name));
  }
  if (Text(*file, kChecksum) != Checksum(tensors, file->metadata())) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is damaged"));
  }
  std::optional<OrderCheckpoint> checkpoint = Reader(tensors, config).Read();
  if (!checkpoint.has_value()) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is not of a model of this shape"));
  }
  checkpoint->key = Text(*file, "key");
  checkpoint->calibration_source = Text(*file, "calibration_source");
  const OrderProgress progress = Progress(*file);
  checkpoint->times = progress.times;
  checkpoint->ordering_id = progress.ordering_id;
  return *std::move(checkpoint);
}

absl::StatusOr<OrderProgress> ReadOrderProgress(const std::string& path) {
  ASSIGN_OR_RETURN(const std::shared_ptr<const SafetensorsFile> file, Open(path));
  return Progress(*file);
}

}  // namespace snapvit
