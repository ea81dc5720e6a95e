// Arrival processes: when the requests of a load come. Sequences depend on the parameters and the
// seed alone, so that two policies, or a simulator and a server, are compared on the same load.
#ifndef SNAPVIT_CORE_LOAD_ARRIVALS_H_
#define SNAPVIT_CORE_LOAD_ARRIVALS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <queue>
#include <vector>

#include "absl/time/time.h"
#include "core/load/rate_profile.h"

namespace snapvit {

// Not thread-safe.
class Arrivals {
 public:
  virtual ~Arrivals() = default;

  // The next arrival, from the start of the load; never before the last one. Nothing: there are no
  // more.
  virtual std::optional<absl::Duration> Next() = 0;
};

// Independent intervals of mean 1 whose squared coefficient of variation is `cv_squared`, on a time
// that runs as fast as the rate says: 0 is a constant stream (at a random phase), 1 a Poisson
// process, everything else has gamma distributed intervals of shape 1 / cv_squared; the larger, the
// burstier. REQUIRES: cv_squared >= 0, finite.
std::unique_ptr<Arrivals> RenewalArrivals(double cv_squared, RateProfile rate, uint64_t seed);

// The given arrivals, which must not fall.
std::unique_ptr<Arrivals> TraceArrivals(std::shared_ptr<const std::vector<absl::Duration>> trace);

// All arrivals of the parts.
std::unique_ptr<Arrivals> SumOfArrivals(std::vector<std::unique_ptr<Arrivals>> parts);

// Several streams in the order of time, each arrival with its stream's index; at equal times the
// lower index comes first. Not thread-safe.
class ArrivalMerge {
 public:
  struct Arrival {
    absl::Duration time;
    size_t stream = 0;
    // For the queue, whose top is its largest element.
    bool operator<(const Arrival& other) const {
      return time != other.time ? time > other.time : stream > other.stream;
    }
  };

  explicit ArrivalMerge(std::vector<std::unique_ptr<Arrivals>> streams);

  std::optional<Arrival> Next();

 private:
  void Refill(size_t stream);

  std::vector<std::unique_ptr<Arrivals>> streams_;
  std::priority_queue<Arrival> next_;  // at most one of each stream
};

}  // namespace snapvit

#endif  // SNAPVIT_CORE_LOAD_ARRIVALS_H_
