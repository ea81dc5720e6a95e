// ArrivalSpec: an arrival process as users write it: "poisson", "gamma:4", "trace:arrivals.txt",
// "constant@190+gamma:4@610".
#ifndef SNAPVIT_CORE_LOAD_ARRIVAL_SPEC_H_
#define SNAPVIT_CORE_LOAD_ARRIVAL_SPEC_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/load/arrivals.h"
#include "core/load/rate_profile.h"

namespace snapvit {

// A process, to be started any number of times with any seed. Immutable.
class ArrivalSpec {
 public:
  // Parts joined by "+", each one of constant, poisson, gamma:CV2 (the squared coefficient of
  // variation of its intervals), with "@RATE" (RateProfile::Parse) where it is not `rate` that
  // counts, or trace:FILE, which has its own times. INVALID_ARGUMENT names the part and what was
  // expected: a form, a rate that is missing, or one that nothing uses; also the trace's errors.
  static absl::StatusOr<ArrivalSpec> Parse(const std::string& text,
                                           const std::optional<RateProfile>& rate);

  // From the beginning. Parts get different seeds, made of `seed`.
  std::unique_ptr<Arrivals> Start(uint64_t seed) const;
  // The same with the rate that it begins with, for ever: a warm-up. A trace counts as a Poisson
  // process of its mean rate, over at least a second.
  std::unique_ptr<Arrivals> StartSteady(uint64_t seed) const;

  // After this time nothing arrives; infinite if it never ends.
  absl::Duration length() const;
  // Arrivals per second that are expected at this time; a trace has its mean rate.
  double RateAt(absl::Duration time) const;

 private:
  struct Part {
    double cv_squared = 1;
    RateProfile rate = RateProfile::Constant(0);  // of a trace: its mean, for at least a second
    std::shared_ptr<const std::vector<absl::Duration>> trace;  // null: none
  };
  static absl::StatusOr<Part> ParsePart(const std::string& text,
                                        const std::optional<RateProfile>& rate, bool* used_rate);

  explicit ArrivalSpec(std::vector<Part> parts) : parts_(std::move(parts)) {}

  std::vector<Part> parts_;
};

}  // namespace snapvit

#endif  // SNAPVIT_CORE_LOAD_ARRIVAL_SPEC_H_
