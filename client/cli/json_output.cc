#include "client/cli/json_output.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <utility>

#include "client/rpc_error.h"
#include "core/base/error_reason.h"

namespace snapvit::cli {
namespace {

double Milliseconds(absl::Duration duration) { return absl::ToDoubleMilliseconds(duration); }

// The double whose shortest text reads back as the same float: 0.1, not 0.10000000149011612.
double Shorten(float value) {
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  double result = value;  // stays if it is no number
  std::from_chars(text.data(), end, result);
  return result;
}

// Nested lists for shapes of more than one dimension.
Json ArrayJson(const std::vector<float>& values, const std::vector<int64_t>& shape) {
  Json array = Json::array();
  if (shape.size() <= 1) {
    for (const float value : values) array.push_back(Shorten(value));
    return array;
  }
  const std::vector<int64_t> inner(shape.begin() + 1, shape.end());
  const auto size = static_cast<std::ptrdiff_t>(values.size() / shape.front());
  for (auto row = values.begin(); row != values.end(); row += size) {
    array.push_back(ArrayJson(std::vector<float>(row, row + size), inner));
  }
  return array;
}

void AddReceipt(const std::optional<client::Receipt>& receipt, Json& item) {
  if (receipt.has_value()) item["receipt"] = ReceiptJson(*receipt);
}

std::vector<int> KeptAscending(const std::vector<int>& ranking, int keep) {
  std::vector<int> kept(ranking.begin(), ranking.begin() + keep);
  std::sort(kept.begin(), kept.end());
  return kept;
}

Json RungJson(const RungDescription& rung) {
  return {{"rung", rung.rung},
          {"compute", rung.compute},
          {"gflops", rung.gflops},
          {"mlp", rung.mlp_ratio},
          {"heads", rung.head_ratio},
          {"sparsity", rung.sparsity},
          {"fidelity", OrNull(rung.fidelity)},
          {"fidelity_error", OrNull(rung.fidelity_error)},
          {"agreement", OrNull(rung.agreement)},
          {"overlap", OrNull(rung.overlap)},
          {"correction_share", OrNull(rung.correction_share)}};
}

}  // namespace

Json OrNull(const std::optional<double>& value) {
  return value.has_value() ? Json(*value) : Json(nullptr);
}

Json ErrorJson(const absl::Status& error) {
  Json json = {{"code", absl::StatusCodeToString(error.code())},
               {"message", std::string(error.message())}};
  std::optional<std::string> reason = client::ErrorReason(error);
  if (!reason.has_value()) reason = GetReason(error);
  if (reason.has_value()) json["reason"] = *reason;
  return json;
}

Json ReceiptJson(const client::Receipt& receipt) {
  return {{"requested_compute", receipt.requested_compute},
          {"served_compute", receipt.served_compute},
          {"floor_compute", receipt.floor_compute},
          {"gflops", receipt.gflops},
          {"mlp_ratio", receipt.mlp_ratio},
          {"head_ratio", receipt.head_ratio},
          {"estimated_fidelity", OrNull(receipt.estimated_fidelity)},
          {"rung", receipt.rung},
          {"reason", receipt.reason},
          {"queue_ms", Milliseconds(receipt.queue_time)},
          {"decode_ms", Milliseconds(receipt.decode_time)},
          {"compute_ms", Milliseconds(receipt.compute_time)},
          {"batch_size", receipt.batch_size},
          {"model", receipt.model},
          {"ordering_id", receipt.ordering_id},
          {"embedding_space_id", receipt.embedding_space_id}};
}

Json ItemJson(const std::string& file, const client::EmbedResult& result) {
  Json item = {{"file", file}};
  if (result.embedding.ok()) {
    item["embedding"] = ArrayJson(result.embedding->values, result.embedding->shape);
  } else {
    item["error"] = ErrorJson(result.embedding.status());
  }
  AddReceipt(result.receipt, item);
  return item;
}

Json ItemJson(const std::string& file, const client::ClassifyResult& result) {
  Json item = {{"file", file}};
  if (result.labels.ok()) {
    Json labels = Json::array();
    for (const client::Label& label : *result.labels) {
      labels.push_back(
          {{"index", label.index}, {"label", label.label}, {"score", Shorten(label.score)}});
    }
    item["labels"] = std::move(labels);
  } else {
    item["error"] = ErrorJson(result.labels.status());
  }
  AddReceipt(result.receipt, item);
  return item;
}

Json ResultsJson(const std::string& model, std::vector<Json> items) {
  Json results = Json::array();
  for (Json& item : items) results.push_back(std::move(item));
  return {{"model", model}, {"results", std::move(results)}};
}

Json KeepJson(const KeepCounts& keep, const UnitRanking& ranking) {
  Json mlp = Json::array();
  Json heads = Json::array();
  for (size_t block = 0; block < keep.channels.size(); ++block) {
    const int index = static_cast<int>(block);
    mlp.push_back(KeptAscending(ranking.channels(index), keep.channels[block]));
    heads.push_back(KeptAscending(ranking.heads(index), keep.heads[block]));
  }
  return {{"mlp_keep", keep.channels},
          {"head_keep", keep.heads},
          {"mlp_indices", std::move(mlp)},
          {"head_indices", std::move(heads)}};
}

Json InspectJson(const ModelDescription& model) {
  Json ladder = Json::array();
  for (const RungDescription& rung : model.ladder) ladder.push_back(RungJson(rung));
  Json json = {{"name", model.name},
               {"architecture", model.architecture},
               {"parameters", model.parameters},
               {"gflops", model.gflops},
               {"input_size", model.input_size},
               {"embedding_dim", model.embedding_dim},
               {"classes", model.classes},
               {"blocks", model.blocks},
               {"heads", model.heads},
               {"hidden", model.hidden},
               {"ordering_id", model.ordering_id},
               {"embedding_space_id", model.embedding_space_id},
               {"calibration_source", model.calibration_source}};
  if (!model.state.empty()) json["state"] = model.state;
  json["ladder"] = std::move(ladder);
  return json;
}

Json InspectJson(const std::string& name, const Ordering& ordering) {
  const FidelityCurve& curve = ordering.fidelity;
  Json points = Json::array();
  for (size_t i = 0; i < curve.compute.size(); ++i) {
    points.push_back(
        {{"compute", Shorten(curve.compute[i])},
         {"fidelity", Shorten(curve.fidelity[i])},
         {"fidelity_error", Shorten(curve.standard_error[i])},
         {"agreement", curve.agreement.empty() ? Json(nullptr) : Json(Shorten(curve.agreement[i]))},
         {"overlap", curve.overlap.empty() ? Json(nullptr) : Json(Shorten(curve.overlap[i]))}});
  }
  return {{"name", name},
          {"blocks", ordering.blocks},
          {"heads", ordering.heads},
          {"hidden", ordering.hidden},
          {"ordering_id", ordering.Id()},
          {"recipe", ordering.recipe},
          {"calibration_source", ordering.calibration_source},
          {"seed", ordering.seed},
          {"model_fingerprint", ordering.model_fingerprint},
          {"min_mlp_keep", ordering.min_mlp_keep},
          {"min_head_keep", ordering.min_head_keep},
          {"path_steps", ordering.path.size()},
          {"fidelity_curve", std::move(points)}};
}

void PrintJson(const Json& document) {
  const std::string text =
      document.dump(/*indent=*/-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fputc('\n', stdout);
  std::fflush(stdout);
}

}  // namespace snapvit::cli
