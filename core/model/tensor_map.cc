#include "core/model/tensor_map.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/model/model_limits.h"

namespace snapvit {
namespace {

constexpr std::string_view kWeightSuffix = ".weight";
constexpr std::string_view kBiasSuffix = ".bias";

// The number of the block if `name` is `pattern` with a number for its '*' (0 without a '*').
std::optional<int> MatchBlock(std::string_view pattern, std::string_view name) {
  const size_t star = pattern.find('*');
  if (star == std::string_view::npos) return name == pattern ? std::optional<int>(0) : std::nullopt;
  const std::string_view before = pattern.substr(0, star), after = pattern.substr(star + 1);
  if (!name.starts_with(before)) return std::nullopt;
  name.remove_prefix(before.size());
  const size_t digits = std::min(name.find_first_not_of("0123456789"), name.size());
  if (digits == 0 || digits > 4 || (digits > 1 && name[0] == '0')) return std::nullopt;
  if (name.substr(digits) != after) return std::nullopt;
  int number = 0;
  for (const char digit : name.substr(0, digits)) number = 10 * number + (digit - '0');
  return number;
}

std::string WithBlock(std::string_view pattern, int block) {
  const size_t star = pattern.find('*');
  if (star == std::string_view::npos) return std::string(pattern);
  return absl::StrCat(std::string(pattern.substr(0, star)), block,
                      std::string(pattern.substr(star + 1)));
}

struct RowMatch {
  bool bias = false;
  int block = 0;
};

std::optional<RowMatch> Match(const TensorRow& row, std::string_view name) {
  const auto match = [&](bool bias) -> std::optional<RowMatch> {
    const std::optional<int> block = MatchBlock(row.name, name);
    if (!block) return std::nullopt;
    return RowMatch{bias, *block};
  };
  if (row.parts != TensorRow::Parts::kLayer) return match(row.parts == TensorRow::Parts::kBias);
  const bool bias = name.ends_with(kBiasSuffix);
  if (!bias && !name.ends_with(kWeightSuffix)) return std::nullopt;
  name.remove_suffix(bias ? kBiasSuffix.size() : kWeightSuffix.size());
  return match(bias);
}

// The name of the tensor that a row gives for a key, if it gives one.
std::optional<std::string> NameIn(const TensorRow& row, const SlotKey& key) {
  const auto* end = row.slots.begin() + row.slot_count;
  if (std::find(row.slots.begin(), end, key.slot) == end) return std::nullopt;
  const std::string name = WithBlock(row.name, key.block);
  switch (row.parts) {
    case TensorRow::Parts::kLayer:
      return absl::StrCat(name, std::string(key.bias ? kBiasSuffix : kWeightSuffix));
    case TensorRow::Parts::kWeight:
      return key.bias ? std::nullopt : std::optional(name);
    case TensorRow::Parts::kBias:
      return key.bias ? std::optional(name) : std::nullopt;
  }
  return std::nullopt;
}

std::string_view PrefixOf(const CheckpointLayout& layout, std::string_view name) {
  for (const std::string_view prefix : layout.prefixes) {
    if (name.starts_with(prefix)) return prefix;
  }
  return "";
}

bool IsIgnored(const CheckpointLayout& layout, std::string_view name) {
  return std::any_of(layout.ignored.begin(), layout.ignored.end(), [&](std::string_view pattern) {
    return pattern.ends_with('.') ? name.starts_with(pattern)
                                  : MatchBlock(pattern, name).has_value();
  });
}

bool IsWeightDtype(TensorDtype dtype) {
  return dtype == TensorDtype::kF32 || dtype == TensorDtype::kF16 || dtype == TensorDtype::kBF16;
}

}  // namespace

absl::Status TensorError(const CheckpointIndex& index, const std::string& tensor,
                         const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat(
      index.PathOf(tensor), ": tensor \"", absl::CHexEscape(tensor.substr(0, 200)), "\" ", what));
}

absl::StatusOr<TensorMap> TensorMap::Of(const CheckpointIndex& index,
                                        const CheckpointLayout& layout) {
  TensorMap map(layout);
  for (const auto& item : index.tensors) RETURN_IF_ERROR(map.Add(index, item.first));
  map.SplitPackedGates(index);
  return map;
}

absl::Status TensorMap::Add(const CheckpointIndex& index, const std::string& name) {
  const std::string_view prefix = PrefixOf(*layout_, name);
  const std::string_view stripped = std::string_view(name).substr(prefix.size());
  if (IsIgnored(*layout_, stripped)) return absl::OkStatus();
  for (const auto rows : {layout_->rows, layout_->shared_rows}) {
    for (const TensorRow& row : rows) {
      const std::optional<RowMatch> match = Match(row, stripped);
      if (!match) continue;
      if (!prefix.empty()) prefix_ = std::string(prefix);
      return AddRow(index, name, row, match->bias, match->block);
    }
  }
  for (const RefusedTensor& row : layout_->refused) {
    if (name.find(row.part) == std::string::npos) continue;
    return TensorError(index, name,
                       absl::StrCat("belongs to ", std::string(row.feature),
                                    ", which is not supported; docs/models.md lists what is"));
  }
  return TensorError(index, name,
                     absl::StrCat("is not part of a ", std::string(layout_->name),
                                  " model; docs/models.md lists what is supported"));
}

absl::Status TensorMap::AddRow(const CheckpointIndex& index, const std::string& name,
                               const TensorRow& row, bool bias, int block) {
  const CheckpointIndex::Tensor& tensor = index.tensors.at(name);
  // A model of a family with registers that has none stores [1, 0, D].
  if (row.slots[0] == Slot::kRegisterTokens && tensor.shape.size() == 3 && tensor.shape[1] == 0) {
    return absl::OkStatus();
  }
  const TensorDtype dtype = tensor.dtype;
  if (!IsWeightDtype(dtype)) {
    return TensorError(
        index, name,
        absl::StrCat("has dtype ", std::string(DtypeName(dtype)), ", expected F32, F16 or BF16"));
  }
  if (block >= kMaxDepth) {
    return TensorError(
        index, name,
        absl::StrCat("is of block ", block, ", expected at most ", kMaxDepth, " blocks"));
  }
  if (IsOfBlock(row.slots[0])) blocks_ = std::max(blocks_, block + 1);
  for (size_t i = 0; i < row.slot_count; ++i) {
    const SlotKey key = {row.slots[i], bias, block};
    const auto [place, added] = sources_.try_emplace(
        key, TensorSource{name, static_cast<int>(i), static_cast<int>(row.slot_count)});
    if (!added) {
      return TensorError(index, name,
                         absl::StrCat("says the same as tensor \"", place->second.tensor,
                                      "\": expected one of them"));
    }
  }
  return absl::OkStatus();
}

void TensorMap::SplitPackedGates(const CheckpointIndex& index) {
  for (int block = 0; block < blocks_; ++block) {
    const TensorSource* fc1 = Find({Slot::kFc1, false, block});
    const TensorSource* fc2 = Find({Slot::kFc2, false, block});
    if (fc1 == nullptr || fc2 == nullptr || fc1->parts > 1 || Has(Slot::kGate, false, block))
      continue;
    const TensorShape& in = index.tensors.at(fc1->tensor).shape;
    const TensorShape& out = index.tensors.at(fc2->tensor).shape;
    if (in.size() != 2 || out.size() != 2 || out[1] <= 0 || in[0] % 2 != 0 || in[0] / 2 != out[1]) {
      continue;
    }
    for (const bool bias : {false, true}) {
      const auto packed = sources_.find({Slot::kFc1, bias, block});
      if (packed == sources_.end()) continue;
      const std::string tensor = packed->second.tensor;
      packed->second = {tensor, 1, 2};
      sources_[{Slot::kGate, bias, block}] = {tensor, 0, 2};
    }
  }
}

const TensorSource* TensorMap::Find(const SlotKey& key) const {
  const auto found = sources_.find(key);
  return found == sources_.end() ? nullptr : &found->second;
}

std::string TensorMap::NameOf(const SlotKey& key) const {
  if (const TensorSource* source = Find(key)) return source->tensor;
  const TensorSource* first = Find({key.slot, key.bias, 0});
  // Heads lie beside the base model, whose name is the prefix.
  const bool head = key.slot == Slot::kHead || key.slot == Slot::kDistillationHead ||
                    key.slot == Slot::kProjection;
  const std::string prefix = head ? "" : prefix_;
  std::optional<std::string> fallback;
  for (const auto rows : {layout_->rows, layout_->shared_rows}) {
    for (const TensorRow& row : rows) {
      const std::optional<std::string> name = NameIn(row, key);
      if (!name) continue;
      if (!fallback) fallback = *name;
      // The row that block 0 came by.
      if (first == nullptr) continue;
      if (NameIn(row, {key.slot, key.bias, 0}) ==
          std::string(
              std::string_view(first->tensor).substr(PrefixOf(*layout_, first->tensor).size()))) {
        return absl::StrCat(prefix, *name);
      }
    }
  }
  return absl::StrCat(prefix, fallback.value_or("?"));
}

void TensorMap::Move(Slot from, Slot to) {
  const auto weight = sources_.find({from, false, 0});
  if (weight != sources_.end()) sources_[{to, false, 0}] = weight->second;
  Drop(from);
}

void TensorMap::Drop(Slot slot) {
  std::erase_if(sources_, [slot](const auto& item) { return item.first.slot == slot; });
}

}  // namespace snapvit
