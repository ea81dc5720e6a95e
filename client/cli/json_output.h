// The JSON documents of embed, classify, keep and inspect, built here alone so that local and
// remote verbs give the same. Their names and units, as those of the reports, are a contract with
// users.
#ifndef SNAPVIT_CLIENT_CLI_JSON_OUTPUT_H_
#define SNAPVIT_CLIENT_CLI_JSON_OUTPUT_H_

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/cli/model_description.h"
#include "client/result.h"
#include "core/elastic/keep_counts.h"
#include "core/elastic/keep_rule.h"
#include "core/elastic/ordering.h"

namespace snapvit::cli {

using Json = nlohmann::ordered_json;

// The number, or null for what was not measured.
Json OrNull(const std::optional<double>& value);

// {"code", "message"[, "reason"]}: code as gRPC names it, "INVALID_ARGUMENT".
Json ErrorJson(const absl::Status& error);

// Shares are fractions, times milliseconds; what was not measured is null.
Json ReceiptJson(const client::Receipt& receipt);

// One image: {"file", "embedding" | "labels", "receipt"} or {"file", "error"}.
Json ItemJson(const std::string& file, const client::EmbedResult& result);
Json ItemJson(const std::string& file, const client::ClassifyResult& result);

// {"model", "results"}.
Json ResultsJson(const std::string& model, std::vector<Json> items);

// Kept units of every block, original numbering, ascending.
Json KeepJson(const KeepCounts& keep, const UnitRanking& ranking);

Json InspectJson(const ModelDescription& model);
// An ordering file by itself: its shape, origin and measured curve.
Json InspectJson(const std::string& name, const Ordering& ordering);

// One line on standard output. Text that is no UTF-8 (file names) is replaced, never an error.
void PrintJson(const Json& document);

}  // namespace snapvit::cli

#endif  // SNAPVIT_CLIENT_CLI_JSON_OUTPUT_H_
