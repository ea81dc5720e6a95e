// ordering.safetensors, see docs/formats.md. Only ReadOrdering and WriteOrdering know its names.
#include <charconv>
#include <cstring>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/elastic/ordering.h"
#include "core/elastic/structure.h"
#include "core/model/safetensors.h"

namespace snapvit {
namespace {

constexpr char kFormat[] = "snapvit-ordering";
constexpr char kVersion[] = "1";
constexpr uint64_t kMostRank = 1 << 16;  // far above any, far below what would overflow

using Metadata = std::map<std::string, std::string>;
using Tensors = std::map<std::string, TensorView>;

template <typename T>
std::span<const std::byte> Bytes(const std::vector<T>& values) {
  return std::as_bytes(std::span(values));
}

// Shortest text that reads back as the same number.
std::string Number(double value) {
  char buffer[32];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof(buffer), value);
  return std::string(buffer, end);
}

class OrderingReader {
 public:
  explicit OrderingReader(const SafetensorsFile& file) : file_(file) {}

  absl::StatusOr<Ordering> Read() const {
    ASSIGN_OR_RETURN(const std::string format, Text("format"));
    ASSIGN_OR_RETURN(const std::string version, Text("version"));
    if (format != kFormat || version != kVersion) {
      return Wrong(absl::StrCat("is '", format, "' version '", version, "', expected '", kFormat,
                                "' version '", kVersion, "'"));
    }
    Ordering ordering;
    ASSIGN_OR_RETURN(ordering.model_fingerprint, Text("model_fingerprint"));
    ASSIGN_OR_RETURN(ordering.recipe, Text("recipe"));
    ASSIGN_OR_RETURN(ordering.calibration_source, Text("calibration_source"));
    ASSIGN_OR_RETURN(ordering.min_mlp_keep, NumberOf("min_mlp_keep"));
    ASSIGN_OR_RETURN(ordering.min_head_keep, NumberOf("min_head_keep"));
    ASSIGN_OR_RETURN(const std::string seed, Text("seed"));
    if (!absl::SimpleAtoi(seed, &ordering.seed))
      return Wrong("has a seed that is no number: " + seed);

    ASSIGN_OR_RETURN(const TensorView mlp, Scores("mlp_scores"));
    ASSIGN_OR_RETURN(const TensorView heads, Scores("head_scores"));
    if (mlp.shape[0] != heads.shape[0]) {
      return Wrong(absl::StrCat("has mlp_scores of ", mlp.shape[0], " blocks and head_scores of ",
                                heads.shape[0], ", expected the same number"));
    }
    ordering.blocks = static_cast<int>(mlp.shape[0]);
    ordering.hidden = static_cast<int>(mlp.shape[1]);
    ordering.heads = static_cast<int>(heads.shape[1]);
    ordering.mlp_scores = Copy<float>(mlp);
    ordering.head_scores = Copy<float>(heads);
    RETURN_IF_ERROR(ReadPath(ordering));
    RETURN_IF_ERROR(ReadCorrections(ordering));
    RETURN_IF_ERROR(ReadCurve(ordering.fidelity));
    if (absl::Status status = ValidateOrdering(ordering); !status.ok()) {
      return Wrong(absl::StrCat("is not valid: ", status.message()));
    }
    return ordering;
  }

 private:
  absl::Status Wrong(const std::string& what) const {
    return absl::InvalidArgumentError(absl::StrCat("ordering file ", file_.path(), " ", what));
  }

  absl::StatusOr<std::string> Text(const std::string& key) const {
    const auto it = file_.metadata().find(key);
    if (it == file_.metadata().end())
      return Wrong(absl::StrCat("has no metadata field '", key, "'"));
    return it->second;
  }

  absl::StatusOr<double> NumberOf(const std::string& key) const {
    ASSIGN_OR_RETURN(const std::string text, Text(key));
    double value = 0;
    if (!absl::SimpleAtod(text, &value)) {
      return Wrong(absl::StrCat("has ", key, " '", text, "', expected a number"));
    }
    return value;
  }

  absl::StatusOr<TensorView> Typed(const std::string& name, TensorDtype dtype, size_t rank) const {
    ASSIGN_OR_RETURN(const TensorView tensor, file_.Tensor(name));
    if (tensor.dtype != dtype || tensor.shape.size() != rank) {
      return Wrong(absl::StrCat("has ", name, " of type ", std::string(DtypeName(tensor.dtype)),
                                " and shape ", ShapeString(tensor.shape), ", expected ",
                                std::string(DtypeName(dtype)), " with ", rank, " dimensions"));
    }
    return tensor;
  }

  absl::StatusOr<TensorView> Scores(const std::string& name) const {
    ASSIGN_OR_RETURN(const TensorView tensor, Typed(name, TensorDtype::kF32, 2));
    // Far above any model, far below what would overflow an int.
    constexpr int64_t kLimit = 1 << 20;
    for (const int64_t size : tensor.shape) {
      if (size < 1 || size > kLimit) {
        return Wrong(absl::StrCat("has ", name, " of shape ", ShapeString(tensor.shape),
                                  ", expected sizes from 1 to ", kLimit));
      }
    }
    return tensor;
  }

  template <typename T>
  static std::vector<T> Copy(const TensorView& tensor) {
    std::vector<T> values(tensor.bytes.size() / sizeof(T));
    if (!values.empty()) std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
    return values;
  }

  absl::Status ReadPath(Ordering& ordering) const {
    if (!file_.Contains("path_steps")) return absl::OkStatus();
    ASSIGN_OR_RETURN(const TensorView steps, Typed("path_steps", TensorDtype::kI32, 2));
    if (steps.shape[1] != 2) {
      return Wrong(absl::StrCat("has path_steps of shape ", ShapeString(steps.shape),
                                ", expected [steps, 2]"));
    }
    ordering.path = Copy<PathStep>(steps);
    return absl::OkStatus();
  }

  absl::Status ReadCorrections(Ordering& ordering) const {
    if (!file_.Contains("mlp_means")) return absl::OkStatus();
    Corrections& corrections = ordering.corrections;
    ASSIGN_OR_RETURN(const TensorView mlp, Typed("mlp_means", TensorDtype::kF32, 2));
    ASSIGN_OR_RETURN(const TensorView heads, Typed("head_means", TensorDtype::kF32, 3));
    ASSIGN_OR_RETURN(const double width, NumberOf("embed_dim"));
    constexpr int64_t kLimit = 1 << 20;
    if (heads.shape[2] < 1 || heads.shape[2] > kLimit || !(width >= 1 && width <= kLimit)) {
      return Wrong(absl::StrCat("has head_means of shape ", ShapeString(heads.shape),
                                " and embed_dim ", width, ", expected sizes from 1 to ", kLimit));
    }
    corrections.head_dim = static_cast<int>(heads.shape[2]);
    corrections.embed_dim = static_cast<int>(width);
    corrections.mlp_means = Copy<float>(mlp);
    corrections.head_means = Copy<float>(heads);
    return file_.Contains("correction_index") ? ReadLowRank(ordering) : absl::OkStatus();
  }

  absl::Status ReadLowRank(Ordering& ordering) const {
    ASSIGN_OR_RETURN(const TensorView index_view, Typed("correction_index", TensorDtype::kI32, 2));
    ASSIGN_OR_RETURN(const TensorView in_view, Typed("correction_in", TensorDtype::kBF16, 1));
    ASSIGN_OR_RETURN(const TensorView out_view, Typed("correction_out", TensorDtype::kBF16, 1));
    if (index_view.shape[1] != 3) {
      return Wrong(absl::StrCat("has correction_index of shape ", ShapeString(index_view.shape),
                                ", expected [corrections, 3]"));
    }
    const std::vector<int32_t> index = Copy<int32_t>(index_view);
    const std::vector<uint16_t> in = Copy<uint16_t>(in_view);
    const std::vector<uint16_t> out = Copy<uint16_t>(out_view);
    Corrections& corrections = ordering.corrections;
    size_t in_begin = 0;
    size_t out_begin = 0;
    for (size_t i = 0; i < index.size(); i += 3) {
      LowRankCorrection low_rank{index[i], index[i + 1], index[i + 2], {}, {}};
      const bool is_mlp = IsMlp(low_rank.structure, ordering.blocks);
      // Negative numbers become huge ones here, which no file has bytes for.
      const uint64_t rank = static_cast<uint32_t>(low_rank.rank);
      const uint64_t rows = 1ULL * static_cast<uint32_t>(low_rank.keep) *
                            static_cast<uint64_t>(is_mlp ? 1 : corrections.head_dim);
      const uint64_t width = corrections.embed_dim;
      if (rank > kMostRank || rows > in.size() || rows * rank > in.size() - in_begin ||
          rank * width > out.size() - out_begin) {
        return Wrong(absl::StrCat("has a correction_index row (", low_rank.structure, ", ",
                                  low_rank.keep, ", ", low_rank.rank,
                                  ") that asks for more values than the file has"));
      }
      low_rank.in.assign(in.begin() + in_begin, in.begin() + in_begin + rows * rank);
      low_rank.out.assign(out.begin() + out_begin, out.begin() + out_begin + rank * width);
      in_begin += rows * rank;
      out_begin += rank * width;
      corrections.low_rank.push_back(std::move(low_rank));
    }
    if (in_begin != in.size() || out_begin != out.size()) {
      return Wrong("has more correction values than its correction_index names");
    }
    return absl::OkStatus();
  }

  absl::Status ReadCurve(FidelityCurve& curve) const {
    if (!file_.Contains("fidelity")) return absl::OkStatus();
    const std::pair<const char*, std::vector<float>*> columns[] = {
        {"fidelity_compute", &curve.compute},
        {"fidelity", &curve.fidelity},
        {"fidelity_error", &curve.standard_error}};
    for (const auto& [name, values] : columns) {
      ASSIGN_OR_RETURN(const TensorView tensor, Typed(name, TensorDtype::kF32, 1));
      *values = Copy<float>(tensor);
    }
    const std::pair<const char*, std::vector<float>*> optional_columns[] = {
        {"agreement", &curve.agreement}, {"overlap", &curve.overlap}};
    for (const auto& [name, values] : optional_columns) {
      if (!file_.Contains(name)) continue;
      ASSIGN_OR_RETURN(const TensorView tensor, Typed(name, TensorDtype::kF32, 1));
      *values = Copy<float>(tensor);
    }
    // Files from before there were corrections do not say.
    const auto mode = file_.metadata().find("fidelity_corrections");
    if (mode == file_.metadata().end()) return absl::OkStatus();
    ASSIGN_OR_RETURN(curve.corrections, ParseCorrectionMode(mode->second));
    return absl::OkStatus();
  }

  const SafetensorsFile& file_;
};

// The low-rank corrections of a file: one table that says which there are, and all their values.
struct LowRankColumns {
  explicit LowRankColumns(const std::vector<LowRankCorrection>& corrections) {
    for (const LowRankCorrection& low_rank : corrections) {
      index.insert(index.end(), {low_rank.structure, low_rank.keep, low_rank.rank});
      in.insert(in.end(), low_rank.in.begin(), low_rank.in.end());
      out.insert(out.end(), low_rank.out.begin(), low_rank.out.end());
    }
  }

  void AddTo(Tensors& tensors) const {
    if (index.empty()) return;
    const auto size = [](const auto& values) { return static_cast<int64_t>(values.size()); };
    tensors["correction_index"] = {TensorDtype::kI32, {size(index) / 3, 3}, Bytes(index)};
    tensors["correction_in"] = {TensorDtype::kBF16, {size(in)}, Bytes(in)};
    tensors["correction_out"] = {TensorDtype::kBF16, {size(out)}, Bytes(out)};
  }

  std::vector<int32_t> index;
  std::vector<uint16_t> in, out;
};

void AddColumn(Tensors& tensors, const char* name, const std::vector<float>& values) {
  tensors[name] = {TensorDtype::kF32, {static_cast<int64_t>(values.size())}, Bytes(values)};
}

}  // namespace

absl::StatusOr<Ordering> ReadOrdering(const std::string& path) {
  ASSIGN_OR_RETURN(const std::shared_ptr<const SafetensorsFile> file, SafetensorsFile::Open(path));
  return OrderingReader(*file).Read();
}

absl::Status WriteOrdering(const Ordering& ordering, const std::string& path) {
  RETURN_IF_ERROR(ValidateOrdering(ordering));
  Tensors tensors;
  tensors["mlp_scores"] = {
      TensorDtype::kF32, {ordering.blocks, ordering.hidden}, Bytes(ordering.mlp_scores)};
  tensors["head_scores"] = {
      TensorDtype::kF32, {ordering.blocks, ordering.heads}, Bytes(ordering.head_scores)};
  if (!ordering.path.empty()) {
    tensors["path_steps"] = {
        TensorDtype::kI32, {static_cast<int64_t>(ordering.path.size()), 2}, Bytes(ordering.path)};
  }
  const Corrections& corrections = ordering.corrections;
  const LowRankColumns low_rank(corrections.low_rank);
  if (!corrections.empty()) {
    tensors["mlp_means"] = {
        TensorDtype::kF32, {ordering.blocks, ordering.hidden}, Bytes(corrections.mlp_means)};
    tensors["head_means"] = {TensorDtype::kF32,
                             {ordering.blocks, ordering.heads, corrections.head_dim},
                             Bytes(corrections.head_means)};
    low_rank.AddTo(tensors);
  }
  const FidelityCurve& curve = ordering.fidelity;
  if (!curve.empty()) {
    AddColumn(tensors, "fidelity_compute", curve.compute);
    AddColumn(tensors, "fidelity", curve.fidelity);
    AddColumn(tensors, "fidelity_error", curve.standard_error);
    if (!curve.agreement.empty()) AddColumn(tensors, "agreement", curve.agreement);
    if (!curve.overlap.empty()) AddColumn(tensors, "overlap", curve.overlap);
  }
  Metadata metadata = {
      {"format", kFormat},
      {"version", kVersion},
      {"model_fingerprint", ordering.model_fingerprint},
      {"recipe", ordering.recipe},
      {"calibration_source", ordering.calibration_source},
      {"seed", absl::StrCat(ordering.seed)},
      {"min_mlp_keep", Number(ordering.min_mlp_keep)},
      {"min_head_keep", Number(ordering.min_head_keep)},
      {"path", ordering.path.empty() ? "published" : "explicit"},
  };
  if (!corrections.empty()) metadata["embed_dim"] = absl::StrCat(corrections.embed_dim);
  if (!curve.empty()) {
    metadata["fidelity_corrections"] = std::string(CorrectionModeName(curve.corrections));
  }
  return WriteSafetensors(path, tensors, metadata);
}

}  // namespace snapvit
