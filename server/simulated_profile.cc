#include "server/simulated_profile.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/file.h"
#include "core/base/status_macros.h"
#include "core/model/json_document.h"
#include "server/latency_interpolation.h"

namespace snapvit {
namespace {

using Json = nlohmann::json;

constexpr size_t kMaxFileBytes = size_t{16} << 20;
// Of computes that were printed and parsed.
constexpr double kComputeTolerance = 1e-6;

absl::Status Wrong(const std::string& name, const Json& value, const std::string& expected) {
  return absl::InvalidArgumentError(
      absl::StrCat(name, " is ", value.dump(), ", expected ", expected));
}

// Members of an object, checked. `name` is how messages call the object; empty: the document.
class Object {
 public:
  Object(const Json& json, std::string name) : json_(json), name_(std::move(name)) {}

  bool Has(const char* key) const {
    const auto member = json_.find(key);
    return member != json_.end() && !member->is_null();
  }
  std::string Name(const std::string& key) const {
    return name_.empty() ? key : absl::StrCat(name_, ".", key);
  }
  const Json& operator[](const char* key) const { return json_[key]; }

  // The number, within the limits; nothing if there is none.
  absl::StatusOr<std::optional<double>> Number(const char* key, double low, double high) const {
    if (!Has(key)) return std::optional<double>();
    const Json& value = json_[key];
    if (!value.is_number() || !(value.get<double>() >= low) || !(value.get<double>() <= high)) {
      return Wrong(Name(key), value, absl::StrCat("a number from ", low, " to ", high));
    }
    return std::optional<double>(value.get<double>());
  }
  absl::StatusOr<double> RequiredNumber(const char* key, double low, double high) const {
    ASSIGN_OR_RETURN(const std::optional<double> value, Number(key, low, high));
    if (!value.has_value()) return Missing(key);
    return *value;
  }
  absl::StatusOr<std::optional<int>> Whole(const char* key, int low, int high) const {
    ASSIGN_OR_RETURN(const std::optional<double> value, Number(key, low, high));
    if (!value.has_value()) return std::optional<int>();
    if (*value != std::floor(*value)) return Wrong(Name(key), json_[key], "a whole number");
    return std::optional<int>(static_cast<int>(*value));
  }
  absl::StatusOr<int> RequiredWhole(const char* key, int low, int high) const {
    ASSIGN_OR_RETURN(const std::optional<int> value, Whole(key, low, high));
    if (!value.has_value()) return Missing(key);
    return *value;
  }
  absl::Status SetWhole(const char* key, int low, int high, int& value) const {
    ASSIGN_OR_RETURN(const std::optional<int> whole, Whole(key, low, high));
    if (whole.has_value()) value = *whole;
    return absl::OkStatus();
  }

 private:
  absl::Status Missing(const char* key) const {
    return absl::InvalidArgumentError(absl::StrCat(Name(key), " is missing"));
  }

  const Json& json_;
  const std::string name_;
};

absl::StatusOr<std::vector<Object>> Objects(const Object& parent, const char* key) {
  if (!parent.Has(key)) return absl::InvalidArgumentError(absl::StrCat(key, " is missing"));
  const Json& list = parent[key];
  if (!list.is_array() || list.empty()) return Wrong(key, list, "a list of objects");
  std::vector<Object> objects;
  for (size_t i = 0; i < list.size(); ++i) {
    std::string name = absl::StrCat(key, "[", i, "]");
    if (!list[i].is_object()) return Wrong(name, list[i], "an object");
    objects.emplace_back(list[i], std::move(name));
  }
  return objects;
}

struct Cell {
  double compute = 1;
  int batch = 1;
  absl::Duration time;
  std::optional<double> gflops;
  std::optional<double> fidelity;
};

absl::StatusOr<absl::Duration> ReadTime(const Object& cell) {
  constexpr double kLeast = 1e-3;
  constexpr double kMost = 1e6;
  if (cell.Has("latency_ms") && cell["latency_ms"].is_object()) {
    const Object times(cell["latency_ms"], cell.Name("latency_ms"));
    ASSIGN_OR_RETURN(const double p50, times.RequiredNumber("p50", kLeast, kMost));
    return absl::Milliseconds(p50);
  }
  ASSIGN_OR_RETURN(const double time, cell.RequiredNumber("latency_ms", kLeast, kMost));
  return absl::Milliseconds(time);
}

absl::StatusOr<std::vector<Cell>> ReadCells(const Object& root) {
  ASSIGN_OR_RETURN(const std::vector<Object> objects, Objects(root, "cells"));
  std::vector<Cell> cells;
  for (const Object& object : objects) {
    Cell cell;
    ASSIGN_OR_RETURN(cell.compute, object.RequiredNumber("served_compute", 1e-6, 1));
    ASSIGN_OR_RETURN(cell.batch, object.RequiredWhole("batch", 1, 4096));
    ASSIGN_OR_RETURN(cell.time, ReadTime(object));
    ASSIGN_OR_RETURN(cell.gflops, object.Number("gflops", 0, 1e9));
    ASSIGN_OR_RETURN(cell.fidelity, object.Number("fidelity", 0, 1));
    cells.push_back(cell);
  }
  return cells;
}

// What nobody said about a rung: as if heads and channels were pruned alike and cost everything,
// and the dense model one GFLOP.
void Complete(bool has_gflops, bool has_ratios, Rung& rung) {
  if (!has_gflops) rung.gflops = rung.compute;
  if (has_ratios) return;
  rung.mlp_ratio = rung.head_ratio = rung.sparsity = 1 - rung.compute;
}

// The ladder that the cells are about: a rung for each compute.
absl::StatusOr<Ladder> LadderOfCells(std::vector<Cell> cells) {
  std::stable_sort(cells.begin(), cells.end(),
                   [](const Cell& a, const Cell& b) { return a.compute < b.compute; });
  std::vector<Rung> rungs;
  for (const Cell& cell : cells) {
    if (!rungs.empty() && cell.compute - rungs.back().compute < kComputeTolerance) {
      if (cell.fidelity.has_value()) rungs.back().fidelity = cell.fidelity;
      continue;
    }
    Rung rung;
    rung.compute = cell.compute;
    rung.gflops = cell.gflops.value_or(0);
    rung.fidelity = cell.fidelity;
    Complete(cell.gflops.has_value(), /*has_ratios=*/false, rung);
    rungs.push_back(rung);
  }
  return Ladder::FromRungs(std::move(rungs));
}

// The ladder as `snapvit inspect --json` prints it.
absl::StatusOr<Ladder> ReadLadder(const Object& root) {
  ASSIGN_OR_RETURN(const std::vector<Object> objects, Objects(root, "ladder"));
  std::vector<Rung> rungs;
  for (const Object& object : objects) {
    Rung rung;
    ASSIGN_OR_RETURN(rung.compute, object.RequiredNumber("compute", 1e-6, 1));
    ASSIGN_OR_RETURN(const std::optional<double> gflops, object.Number("gflops", 0, 1e9));
    ASSIGN_OR_RETURN(const std::optional<double> mlp, object.Number("mlp", 0, 1));
    ASSIGN_OR_RETURN(const std::optional<double> heads, object.Number("heads", 0, 1));
    ASSIGN_OR_RETURN(const std::optional<double> sparsity, object.Number("sparsity", 0, 1));
    ASSIGN_OR_RETURN(rung.fidelity, object.Number("fidelity", 0, 1));
    rung.gflops = gflops.value_or(0);
    rung.mlp_ratio = mlp.value_or(0);
    rung.head_ratio = heads.value_or(0);
    rung.sparsity = sparsity.value_or(0);
    Complete(gflops.has_value(), sparsity.has_value(), rung);
    rungs.push_back(rung);
  }
  return Ladder::FromRungs(std::move(rungs));
}

std::optional<int> RungOf(const Ladder& ladder, double compute) {
  for (const Rung& rung : ladder.rungs()) {
    if (std::abs(rung.compute - compute) < kComputeTolerance) return rung.index;
  }
  return std::nullopt;
}

// Cells by rung, then batch; of equal ones (several budgets mean one rung) the first counts.
absl::StatusOr<std::vector<MeasuredLatency>> PlaceCells(const Ladder& ladder,
                                                        const std::vector<Cell>& cells) {
  std::map<std::pair<int, int>, absl::Duration> placed;
  for (size_t i = 0; i < cells.size(); ++i) {
    const std::optional<int> rung = RungOf(ladder, cells[i].compute);
    if (!rung.has_value()) {
      return absl::InvalidArgumentError(absl::StrCat("cells[", i, "].served_compute is ",
                                                     cells[i].compute,
                                                     ", expected the compute of a rung of ladder"));
    }
    placed.try_emplace({*rung, cells[i].batch}, cells[i].time);
  }
  std::vector<MeasuredLatency> measured;
  for (const auto& [key, time] : placed) measured.push_back({key.first, key.second, time});
  return measured;
}

// What InterpolateLatency requires.
absl::Status CheckCells(const Ladder& ladder, const std::vector<MeasuredLatency>& measured) {
  std::map<int, std::vector<int>> batches;
  for (const MeasuredLatency& cell : measured) batches[cell.rung].push_back(cell.batch);
  for (const int rung : {0, ladder.dense()}) {
    if (batches.contains(rung)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("cells have none with served_compute ", ladder.rung(rung).compute,
                     ", expected the smallest and the dense rung to be measured"));
  }
  const std::vector<int>& expected = batches.begin()->second;
  for (const auto& [rung, sizes] : batches) {
    if (sizes == expected) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("cells with served_compute ", ladder.rung(rung).compute, " have batches ",
                     absl::StrJoin(sizes, ", "), ", expected ", absl::StrJoin(expected, ", "),
                     " as the others"));
  }
  return absl::OkStatus();
}

absl::Status ReadInputSize(const Object& root, SimulatedProfile& profile) {
  if (!root.Has("input_size")) return absl::OkStatus();
  const Json& size = root["input_size"];
  const auto is_pixels = [](const Json& value) {
    return value.is_number_integer() && value >= 1 && value <= 4096;
  };
  if (!size.is_array() || size.size() != 3 || size[0] != 3 || !is_pixels(size[1]) ||
      !is_pixels(size[2])) {
    return Wrong("input_size", size, "[3, height, width]");
  }
  profile.height = size[1];
  profile.width = size[2];
  return absl::OkStatus();
}

absl::Status ReadShape(const Object& root, SimulatedProfile& profile) {
  if (root.Has("model")) {
    if (!root["model"].is_string()) return Wrong("model", root["model"], "a name");
    profile.model = root["model"];
  }
  RETURN_IF_ERROR(ReadInputSize(root, profile));
  RETURN_IF_ERROR(root.SetWhole("embedding_size", 1, 65536, profile.embedding_size));
  RETURN_IF_ERROR(root.SetWhole("classes", 0, 1'000'000, profile.classes));
  ASSIGN_OR_RETURN(profile.workers, root.Whole("workers", 1, 256));
  ASSIGN_OR_RETURN(const std::optional<double> jitter, root.Number("jitter", 0, 1));
  profile.jitter = jitter.value_or(0);
  ASSIGN_OR_RETURN(const std::optional<double> stops,
                   root.Number("last_worker_stops_after_s", 0, 1e6));
  if (stops.has_value()) profile.last_worker_stops_after = absl::Seconds(*stops);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SimulatedProfile> ParseSimulatedProfile(const std::string& json) {
  ASSIGN_OR_RETURN(const Json document, ParseJson(json, "the profile"));
  if (!document.is_object()) {
    return absl::InvalidArgumentError("the profile is no JSON object");
  }
  const Object root(document, "");
  ASSIGN_OR_RETURN(const std::vector<Cell> cells, ReadCells(root));
  ASSIGN_OR_RETURN(Ladder ladder, root.Has("ladder") ? ReadLadder(root) : LadderOfCells(cells));
  ASSIGN_OR_RETURN(std::vector<MeasuredLatency> measured, PlaceCells(ladder, cells));
  RETURN_IF_ERROR(CheckCells(ladder, measured));
  ASSIGN_OR_RETURN(LatencyTable latency, InterpolateLatency(ladder, measured));
  SimulatedProfile profile{"simulated", std::move(ladder), std::move(latency), std::move(measured)};
  RETURN_IF_ERROR(ReadShape(root, profile));
  return profile;
}

absl::StatusOr<SimulatedProfile> ReadSimulatedProfile(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxFileBytes));
  absl::StatusOr<SimulatedProfile> profile = ParseSimulatedProfile(text);
  if (profile.ok()) return profile;
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", profile.status().message()));
}

}  // namespace snapvit
