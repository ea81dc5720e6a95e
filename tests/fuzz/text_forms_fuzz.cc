// The small languages of flags, settings and requests: traceparent, budgets, addresses, sizes,
// durations, load. What is accepted and has a text form is read back from it as the same. Traces of
// arrivals belong to it, too.
#include <string>

#include "absl/time/time.h"
#include "core/elastic/budget.h"
#include "core/load/arrival_spec.h"
#include "core/load/arrival_trace.h"
#include "core/load/rate_profile.h"
#include "server/host_port.h"
#include "server/option_values.h"
#include "server/trace_context.h"
#include "tests/fuzz/fuzz.h"

namespace snapvit {
namespace {

void TryBudget(const std::string& text) {
  const auto targets = ParseBudgetTargets(text);
  if (targets.ok()) {
    for (const BudgetTarget& target : *targets) {
      CHECK_THAT(ValidateTarget(target).ok());
      const std::string shown = FormatBudgetTarget(target);
      const auto again = ParseBudgetTarget(shown);
      CHECK_THAT(again.ok() && FormatBudgetTarget(*again) == shown);
    }
  }
  const auto floor = ParseFloor(text);
  if (floor.ok()) CHECK_THAT(ValidateFloor(*floor).ok());
}

void TryOptions(const std::string& text) {
  const auto address = ParseHostPort(text);
  if (address.ok()) {
    const auto again = ParseHostPort(address->ToString());
    CHECK_THAT(again.ok() && *again == *address);
  }
  const auto bytes = ParseBytes(text, 0, SIZE_MAX);
  if (bytes.ok()) {
    const auto again = ParseBytes(FormatBytes(*bytes), 0, SIZE_MAX);
    CHECK_THAT(again.ok() && *again == *bytes);
  }
  const auto seconds = ParseSeconds(text);
  if (seconds.ok()) {
    CHECK_THAT(*seconds >= absl::ZeroDuration() && *seconds < absl::InfiniteDuration());
  }
  (void)ParseWhole(text, -1000, 1000);
  (void)ParseBool(text);
}

void TryTrace(const std::string& text) {
  const auto trace = ReadTraceContext({&text, 1});
  if (!trace.has_value()) return;
  CHECK_THAT(trace->trace_id.size() == 32 && trace->parent_id.size() == 16);
  const std::string response = trace->Traceresponse();
  CHECK_THAT(ReadTraceContext({&response, 1}).has_value());  // of the same form
}

void TryLoad(const std::string& text) {
  const auto rate = RateProfile::Parse(text);
  if (rate.ok()) {
    CHECK_THAT(rate->RateAt(1) >= 0);
    CHECK_THAT(rate->ExpectedBefore(1) >= 0);
  }
  if (text.find("trace:") == std::string::npos) {  // would open a file
    const auto spec = ArrivalSpec::Parse(text, RateProfile::Constant(100));
    if (spec.ok()) {
      const auto arrivals = spec->Start(1);
      absl::Duration last = absl::ZeroDuration();
      for (int i = 0; i < 16; ++i) {
        const auto next = arrivals->Next();
        if (!next.has_value()) break;
        CHECK_THAT(*next >= last);
        last = *next;
      }
    }
  }
  const auto trace = ParseArrivalTrace(text, "trace");
  if (trace.ok()) CHECK_THAT(!trace->empty() && trace->front() >= absl::ZeroDuration());
}

}  // namespace
}  // namespace snapvit

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(snapvit::AsText(data, size));
  snapvit::TryBudget(text);
  snapvit::TryOptions(text);
  snapvit::TryTrace(text);
  snapvit::TryLoad(text);
  return 0;
}
