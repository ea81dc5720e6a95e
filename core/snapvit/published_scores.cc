#include "core/snapvit/published_scores.h"

#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/file.h"
#include "core/base/status_macros.h"
#include "core/snapvit/pickle.h"
#include "core/snapvit/stored_zip.h"

namespace snapvit {
namespace {

using Kind = PickleValue::Kind;

constexpr size_t kMaxBytes = size_t{256} << 20;      // the largest published file has 660 KB
constexpr size_t kMaxPickleBytes = size_t{1} << 20;  // 1.3 KB
constexpr std::string_view kTensor = "torch._utils _rebuild_tensor_v2";
constexpr std::string_view kFloats = "torch FloatStorage";
constexpr std::string_view kGlobals[] = {kTensor, kFloats, "collections OrderedDict",
                                         "src.models.enums ModelType",
                                         "src.models.enums MLPArchitecture"};

absl::Status Wrong(const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat("is not a published score file: ", what));
}

class ScoreFile {
 public:
  static absl::StatusOr<Ordering> Read(std::string_view bytes) {
    ASSIGN_OR_RETURN(const StoredZip zip, StoredZip::Open(bytes));
    ASSIGN_OR_RETURN(const std::string folder, FolderOf(zip));
    ASSIGN_OR_RETURN(const std::string_view pickle, zip.Read(folder + "data.pkl"));
    if (pickle.size() > kMaxPickleBytes) {
      return Wrong(absl::StrCat("its data.pkl has ", pickle.size(), " bytes, expected at most ",
                                kMaxPickleBytes));
    }
    ASSIGN_OR_RETURN(const Pickle parsed, Pickle::Parse(pickle, kGlobals));
    return ScoreFile(zip, folder, parsed.root()).ToOrdering();
  }

 private:
  ScoreFile(const StoredZip& zip, std::string folder, const PickleValue& root)
      : zip_(zip), folder_(std::move(folder)), root_(root) {}

  // torch puts everything into one folder, named as the file was when it was saved.
  static absl::StatusOr<std::string> FolderOf(const StoredZip& zip) {
    for (const auto& [name, entry] : zip.entries()) {
      constexpr std::string_view kPickle = "/data.pkl";
      if (absl::EndsWith(name, "/data.pkl")) {
        return name.substr(0, name.size() - kPickle.size() + 1);
      }
    }
    return Wrong("it holds no data.pkl");
  }

  absl::StatusOr<Ordering> ToOrdering() const {
    if (root_.kind != Kind::kDictionary) return Wrong("its data.pkl is no dictionary");
    if (zip_.entries().contains(folder_ + "byteorder")) {
      ASSIGN_OR_RETURN(const std::string_view order, zip_.Read(folder_ + "byteorder"));
      if (order != "little") return Wrong("its byte order is not little");
    }
    Ordering ordering;
    ASSIGN_OR_RETURN(ordering.blocks, Integer("num_blocks"));
    ASSIGN_OR_RETURN(ordering.hidden, Integer("hidden_dim"));
    ASSIGN_OR_RETURN(ordering.heads, Integer("num_heads"));
    ASSIGN_OR_RETURN(ordering.min_mlp_keep, Real("min_hidden_dim_keep_ratio"));
    ASSIGN_OR_RETURN(ordering.min_head_keep, Real("min_head_keep_ratio"));
    ASSIGN_OR_RETURN(ordering.mlp_scores, Tensor("mlp_scores", ordering.blocks, ordering.hidden));
    ASSIGN_OR_RETURN(ordering.head_scores, Tensor("head_scores", ordering.blocks, ordering.heads));
    ordering.recipe = "published";
    FillOrigin(ordering);
    if (absl::Status valid = ValidateOrdering(ordering); !valid.ok()) {
      return Wrong(std::string(valid.message()));
    }
    return ordering;
  }

  // What is only told to people: nothing if it is not there.
  void FillOrigin(Ordering& ordering) const {
    const PickleValue* metadata = root_.Find("metadata");
    if (metadata == nullptr) return;
    const PickleValue* seed = metadata->Find("seed");
    if (seed != nullptr && seed->kind == Kind::kInteger && seed->integer >= 0) {
      ordering.seed = static_cast<uint64_t>(seed->integer);
    }
    const PickleValue* dataset = metadata->Find("pruning_dataset");
    const bool named = dataset != nullptr && dataset->kind == Kind::kText;
    ordering.calibration_source =
        absl::StrCat("published scores", named ? ", " + dataset->text.substr(0, 64) : "");
  }

  absl::StatusOr<const PickleValue*> Field(const std::string& key) const {
    const PickleValue* value = root_.Find(key);
    if (value == nullptr) return Wrong(absl::StrCat("it has no ", key));
    return value;
  }

  absl::StatusOr<int> Integer(const std::string& key) const {
    ASSIGN_OR_RETURN(const PickleValue* value, Field(key));
    constexpr int64_t kLimit = 1 << 20;  // far above any model
    if (value->kind != Kind::kInteger || value->integer < 1 || value->integer > kLimit) {
      return Wrong(absl::StrCat("its ", key, " is no whole number from 1 to ", kLimit));
    }
    return static_cast<int>(value->integer);
  }

  absl::StatusOr<double> Real(const std::string& key) const {
    ASSIGN_OR_RETURN(const PickleValue* value, Field(key));
    if (value->kind != Kind::kReal) return Wrong(absl::StrCat("its ", key, " is no number"));
    return value->real;
  }

  static bool IsSequence(const PickleValue& value, std::initializer_list<int64_t> expected) {
    if (value.kind != Kind::kSequence || value.items.size() != expected.size()) return false;
    size_t i = 0;
    for (const int64_t number : expected) {
      const PickleValue& item = *value.items[i++];
      if (item.kind != Kind::kInteger || item.integer != number) return false;
    }
    return true;
  }

  // A contiguous float tensor of this shape at the start of its storage.
  absl::StatusOr<std::vector<float>> Tensor(const std::string& key, int rows, int columns) const {
    ASSIGN_OR_RETURN(const PickleValue* call, Field(key));
    const absl::Status wrong =
        Wrong(absl::StrCat("its ", key, " is no contiguous float tensor of shape [", rows, ", ",
                           columns, "], as its own numbers say"));
    if (call->kind != Kind::kCall || call->text != kTensor) return wrong;
    // storage, offset, size, stride, requires_grad, hooks
    const std::vector<const PickleValue*>& arguments = call->items[0]->items;
    if (arguments.size() < 4 || arguments[0]->kind != Kind::kPersistent) return wrong;
    const bool at_start = arguments[1]->kind == Kind::kInteger && arguments[1]->integer == 0;
    if (!at_start || !IsSequence(*arguments[2], {rows, columns}) ||
        !IsSequence(*arguments[3], {columns, 1})) {
      return wrong;
    }
    // 'storage', its class, its name, its device, its elements
    const std::vector<const PickleValue*>& storage = arguments[0]->items[0]->items;
    if (storage.size() != 5 || !storage[0]->IsText("storage") ||
        storage[1]->kind != Kind::kGlobal || storage[1]->text != kFloats ||
        storage[2]->kind != Kind::kText) {
      return wrong;
    }
    ASSIGN_OR_RETURN(const std::string_view raw, zip_.Read(folder_ + "data/" + storage[2]->text));
    if (raw.size() != sizeof(float) * rows * columns) return wrong;
    std::vector<float> values(static_cast<size_t>(rows) * columns);
    std::memcpy(values.data(), raw.data(), raw.size());
    return values;
  }

  const StoredZip& zip_;
  const std::string folder_;
  const PickleValue& root_;
};

}  // namespace

absl::StatusOr<Ordering> ParsePublishedScores(std::string_view bytes) {
  return ScoreFile::Read(bytes);
}

absl::StatusOr<Ordering> ReadPublishedScores(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path, kMaxBytes));
  absl::StatusOr<Ordering> ordering = ParsePublishedScores(bytes);
  if (ordering.ok()) return ordering;
  return absl::Status(ordering.status().code(),
                      absl::StrCat(path, " ", ordering.status().message()));
}

}  // namespace snapvit
