#include "tests/e2e/soak_tally.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace snapvit {
namespace {

constexpr char kPrefix[] = "snapvit_";
const char* const kCounted[] = {"requests_total", "items_total", "degraded_items_total",
                                "shed_items_total", "flops_total"};
const char* const kShedReasons[] = {"QUEUE_FULL", "RATE_LIMIT", "CONCURRENCY",
                                    "DEADLINE_UNMEETABLE", "EXPIRED"};

// As label `budget` of docs/observability.md.
std::string Level(double compute) {
  return absl::StrFormat("%.1f", std::clamp(std::ceil(10 * compute - 1e-6), 1.0, 10.0) / 10);
}

// Of "name{a=\"b\",…}" the values in quotes.
std::map<std::string, std::string> LabelsOf(const std::string& text) {
  std::map<std::string, std::string> labels;
  for (size_t at = text.find('{'); at != std::string::npos && text[at] != '}';) {
    const size_t equals = text.find('=', at);
    const size_t end = text.find('"', equals + 2);
    labels[text.substr(at + 1, equals - at - 1)] = text.substr(equals + 2, end - equals - 2);
    at = end + 1;
  }
  return labels;
}

}  // namespace

Series ReadSeries(const std::string& metrics) {
  Series series;
  std::istringstream lines(metrics);
  for (std::string line; std::getline(lines, line);) {
    const std::string name = line.substr(0, line.find('{'));
    const auto* const counted =
        std::find_if(std::begin(kCounted), std::end(kCounted),
                     [&name](const char* metric) { return name == absl::StrCat(kPrefix, metric); });
    if (counted == std::end(kCounted)) continue;
    const double value = std::stod(line.substr(line.rfind(' ')));
    if (value == 0) continue;
    std::string key = *counted;
    auto labels = LabelsOf(line);
    labels.erase("model");
    if (labels["budget"] == "none") labels.erase("requested_budget");
    if (labels["budget"].empty()) labels.erase("budget");
    for (const auto& [label, text] : labels) absl::StrAppend(&key, " ", text);
    series[key] += value;
  }
  return series;
}

void SoakTally::CountRequest(const std::string& tenant, const std::string& method,
                             const std::string& code) {
  absl::MutexLock lock(&mu_);
  ++requests_;
  ++series_[absl::StrCat("requests_total ", code, " ", method, " ", tenant)];
}

void SoakTally::CountServed(const std::string& tenant, const v1::Receipt& receipt) {
  absl::MutexLock lock(&mu_);
  const double requested = receipt.requested_compute();
  const double served = receipt.served_compute();
  ++series_[absl::StrCat("items_total ", Level(served), " ", Level(requested), " ", tenant)];
  series_[absl::StrCat("flops_total ", tenant)] += receipt.gflops() * 1e9;
  const v1::Reason reason = receipt.reason();
  if (served > requested || reason == v1::REASON_AS_REQUESTED || reason == v1::REASON_MODEL_FLOOR) {
    return;
  }
  const std::string name = v1::Reason_Name(reason).substr(sizeof("REASON_") - 1);
  ++series_[absl::StrCat("degraded_items_total ", name, " ", tenant)];
}

void SoakTally::CountUnserved(const std::string& tenant, const std::string& reason, int images) {
  absl::MutexLock lock(&mu_);
  series_[absl::StrCat("items_total none ", tenant)] += images;
  if (std::find(std::begin(kShedReasons), std::end(kShedReasons), reason) ==
      std::end(kShedReasons)) {
    return;
  }
  series_[absl::StrCat("shed_items_total ", reason, " ", tenant)] += images;
}

Series SoakTally::Get() const {
  absl::MutexLock lock(&mu_);
  return series_;
}

double SoakTally::requests() const {
  absl::MutexLock lock(&mu_);
  return requests_;
}

}  // namespace snapvit
