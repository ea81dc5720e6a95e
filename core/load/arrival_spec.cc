#include "core/load/arrival_spec.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "core/base/random.h"
#include "core/base/status_macros.h"
#include "core/load/arrival_trace.h"

namespace snapvit {
namespace {

// Beyond these, intervals cannot be computed: their shape, or its inverse, overflows.
constexpr double kLeastCvSquared = 1e-6;
constexpr double kMostCvSquared = 1e6;

// Squared coefficient of variation by name; nothing for another text.
std::optional<double> ParseIntervals(absl::string_view text) {
  if (text == "constant") return 0;
  if (text == "poisson") return 1;
  double cv_squared = 0;
  if (absl::ConsumePrefix(&text, "gamma:") && absl::SimpleAtod(text, &cv_squared) &&
      cv_squared >= kLeastCvSquared && cv_squared <= kMostCvSquared) {
    return cv_squared;
  }
  return std::nullopt;
}

// The mean rate of a trace, over at least a second: all at once has no rate.
absl::StatusOr<RateProfile> MeanRate(const std::vector<absl::Duration>& trace) {
  const double seconds = std::max(absl::ToDoubleSeconds(trace.back()), 1.0);
  const double rate = static_cast<double>(trace.size()) / seconds;
  return RateProfile::Create({{seconds, rate, rate}});
}

uint64_t PartSeed(uint64_t seed, size_t part) { return Random(seed, part).Bits(); }

}  // namespace

absl::StatusOr<ArrivalSpec::Part> ArrivalSpec::ParsePart(const std::string& text,
                                                         const std::optional<RateProfile>& rate,
                                                         bool* used_rate) {
  Part part;
  absl::string_view rest = text;
  if (absl::ConsumePrefix(&rest, "trace:")) {
    ASSIGN_OR_RETURN(std::vector<absl::Duration> trace, ReadArrivalTrace(std::string(rest)));
    ASSIGN_OR_RETURN(part.rate, MeanRate(trace));
    part.trace = std::make_shared<const std::vector<absl::Duration>>(std::move(trace));
    return part;
  }
  const std::pair<absl::string_view, absl::string_view> halves =
      absl::StrSplit(rest, absl::MaxSplits('@', 1));
  const std::optional<double> cv_squared = ParseIntervals(halves.first);
  if (!cv_squared.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", rest,
                     "' is no arrival process, expected constant, poisson, gamma:CV2 (such as "
                     "gamma:4; 1e-6 to 1e6), each with @RATE if it has its own, or trace:FILE"));
  }
  part.cv_squared = *cv_squared;
  if (halves.first.size() < rest.size()) {
    ASSIGN_OR_RETURN(part.rate, RateProfile::Parse(std::string(halves.second)));
    return part;
  }
  if (!rate.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("arrivals '", rest, "' have no rate, expected one"));
  }
  *used_rate = true;
  part.rate = *rate;
  return part;
}

absl::StatusOr<ArrivalSpec> ArrivalSpec::Parse(const std::string& text,
                                               const std::optional<RateProfile>& rate) {
  std::vector<Part> parts;
  bool used_rate = false;
  for (const absl::string_view part : absl::StrSplit(text, '+')) {
    const std::string stripped(absl::StripAsciiWhitespace(part));
    ASSIGN_OR_RETURN(Part parsed, ParsePart(stripped, rate, &used_rate));
    parts.push_back(std::move(parsed));
  }
  if (rate.has_value() && !used_rate) {
    return absl::InvalidArgumentError(
        absl::StrCat("arrivals '", text, "' have their own times, expected no other rate"));
  }
  return ArrivalSpec(std::move(parts));
}

std::unique_ptr<Arrivals> ArrivalSpec::Start(uint64_t seed) const {
  std::vector<std::unique_ptr<Arrivals>> parts;
  for (size_t i = 0; i < parts_.size(); ++i) {
    const Part& part = parts_[i];
    parts.push_back(part.trace != nullptr
                        ? TraceArrivals(part.trace)
                        : RenewalArrivals(part.cv_squared, part.rate, PartSeed(seed, i)));
  }
  return SumOfArrivals(std::move(parts));
}

std::unique_ptr<Arrivals> ArrivalSpec::StartSteady(uint64_t seed) const {
  std::vector<std::unique_ptr<Arrivals>> parts;
  for (size_t i = 0; i < parts_.size(); ++i) {
    const double rate = parts_[i].rate.RateAt(0);
    parts.push_back(
        RenewalArrivals(parts_[i].cv_squared, RateProfile::Constant(rate), PartSeed(seed, i)));
  }
  return SumOfArrivals(std::move(parts));
}

absl::Duration ArrivalSpec::length() const {
  absl::Duration length;
  for (const Part& part : parts_) {
    length = std::max(
        length, part.trace != nullptr ? part.trace->back() : absl::Seconds(part.rate.seconds()));
  }
  return length;
}

double ArrivalSpec::RateAt(absl::Duration time) const {
  double rate = 0;
  for (const Part& part : parts_) rate += part.rate.RateAt(absl::ToDoubleSeconds(time));
  return rate;
}

}  // namespace snapvit
