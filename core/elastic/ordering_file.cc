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
#include "core/model/safetensors.h"

namespace snapvit {
namespace {

constexpr char kFormat[] = "snapvit-ordering";
constexpr char kVersion[] = "1";

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
    return absl::OkStatus();
  }

  const SafetensorsFile& file_;
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
  const FidelityCurve& curve = ordering.fidelity;
  if (!curve.empty()) {
    AddColumn(tensors, "fidelity_compute", curve.compute);
    AddColumn(tensors, "fidelity", curve.fidelity);
    AddColumn(tensors, "fidelity_error", curve.standard_error);
    if (!curve.agreement.empty()) AddColumn(tensors, "agreement", curve.agreement);
    if (!curve.overlap.empty()) AddColumn(tensors, "overlap", curve.overlap);
  }
  const Metadata metadata = {
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
  return WriteSafetensors(path, tensors, metadata);
}

}  // namespace snapvit
