// RateProfile: an arrival rate over time, made of pieces along which it is constant or changes
// linearly: steps, ramps, pauses.
#ifndef SNAPVIT_CORE_LOAD_RATE_PROFILE_H_
#define SNAPVIT_CORE_LOAD_RATE_PROFILE_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace snapvit {

// Immutable. Times are seconds from the start of the load, rates are arrivals per second.
class RateProfile {
 public:
  struct Piece {
    double seconds = 0;     // > 0; infinite in the last piece only
    double begin_rate = 0;  // >= 0
    double end_rate = 0;    // >= 0; equal to begin_rate in an infinite piece
  };

  // The pieces one after another; nothing arrives after the last. INVALID_ARGUMENT names the piece
  // (from 1 on) and its number.
  static absl::StatusOr<RateProfile> Create(std::vector<Piece> pieces);
  // For ever the same. REQUIRES: rate >= 0, finite.
  static RateProfile Constant(double rate);
  // "500", or pieces with their length, separated by commas: "100:5s,100..900:30s,900". A..B is a
  // ramp, a length is seconds or has a unit, and the last piece may go without one: it has no end.
  // INVALID_ARGUMENT names the text and the accepted forms.
  static absl::StatusOr<RateProfile> Parse(const std::string& text);

  double RateAt(double seconds) const;
  // Expected number of arrivals before this time.
  double ExpectedBefore(double seconds) const;
  // When the expected number of arrivals reaches `expected`; nothing if it never does.
  // REQUIRES: expected >= 0.
  std::optional<double> TimeOf(double expected) const;
  // End of the last piece; infinite if it has none.
  double seconds() const { return starts_.back(); }

 private:
  explicit RateProfile(std::vector<Piece> pieces);

  std::vector<Piece> pieces_;
  // Start of each piece, and the end of the last: in seconds, and in expected arrivals before it.
  std::vector<double> starts_;
  std::vector<double> expected_;
};

}  // namespace snapvit

#endif  // SNAPVIT_CORE_LOAD_RATE_PROFILE_H_
