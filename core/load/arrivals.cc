#include "core/load/arrivals.h"

#include <cmath>
#include <utility>

#include "core/base/random.h"

namespace snapvit {
namespace {

double Exponential(Random& random) { return -std::log(1 - random.Uniform()); }

// Gamma distributed with scale 1 (Marsaglia and Tsang 2000). REQUIRES: shape > 0.
double Gamma(Random& random, double shape) {
  if (shape < 1) {
    // Their way to small shapes: a larger one, thinned by a power of a uniform number.
    const double thinned = std::pow(1 - random.Uniform(), 1 / shape);
    return Gamma(random, shape + 1) * thinned;
  }
  const double d = shape - 1.0 / 3;
  const double c = 1 / std::sqrt(9 * d);
  while (true) {
    const double x = random.Normal();
    const double v = (1 + c * x) * (1 + c * x) * (1 + c * x);
    if (v <= 0) continue;
    const double u = 1 - random.Uniform();
    if (std::log(u) < x * x / 2 + d - d * v + d * std::log(v)) return d * v;
  }
}

class Renewal final : public Arrivals {
 public:
  Renewal(double cv_squared, RateProfile rate, uint64_t seed)
      : cv_squared_(cv_squared), rate_(std::move(rate)), random_(seed) {
    // Constant streams of one rate must not all send at the same moments.
    if (cv_squared_ == 0) expected_ = random_.Uniform() - 1;
  }

  std::optional<absl::Duration> Next() override {
    expected_ += Interval();
    const std::optional<double> seconds = rate_.TimeOf(expected_);
    if (!seconds.has_value()) return std::nullopt;
    return absl::Seconds(*seconds);
  }

 private:
  double Interval() {
    if (cv_squared_ == 0) return 1;
    if (cv_squared_ == 1) return Exponential(random_);
    return cv_squared_ * Gamma(random_, 1 / cv_squared_);
  }

  const double cv_squared_;
  const RateProfile rate_;
  Random random_;
  double expected_ = 0;  // arrivals that the rate lets expect until the present one
};

class Trace final : public Arrivals {
 public:
  explicit Trace(std::shared_ptr<const std::vector<absl::Duration>> trace)
      : trace_(std::move(trace)) {}

  std::optional<absl::Duration> Next() override {
    if (next_ == trace_->size()) return std::nullopt;
    return (*trace_)[next_++];
  }

 private:
  const std::shared_ptr<const std::vector<absl::Duration>> trace_;
  size_t next_ = 0;
};

class Sum final : public Arrivals {
 public:
  explicit Sum(std::vector<std::unique_ptr<Arrivals>> parts) : merge_(std::move(parts)) {}

  std::optional<absl::Duration> Next() override {
    const std::optional<ArrivalMerge::Arrival> next = merge_.Next();
    if (!next.has_value()) return std::nullopt;
    return next->time;
  }

 private:
  ArrivalMerge merge_;
};

}  // namespace

std::unique_ptr<Arrivals> RenewalArrivals(double cv_squared, RateProfile rate, uint64_t seed) {
  return std::make_unique<Renewal>(cv_squared, std::move(rate), seed);
}

std::unique_ptr<Arrivals> TraceArrivals(std::shared_ptr<const std::vector<absl::Duration>> trace) {
  return std::make_unique<Trace>(std::move(trace));
}

std::unique_ptr<Arrivals> SumOfArrivals(std::vector<std::unique_ptr<Arrivals>> parts) {
  return std::make_unique<Sum>(std::move(parts));
}

ArrivalMerge::ArrivalMerge(std::vector<std::unique_ptr<Arrivals>> streams)
    : streams_(std::move(streams)) {
  for (size_t i = 0; i < streams_.size(); ++i) Refill(i);
}

std::optional<ArrivalMerge::Arrival> ArrivalMerge::Next() {
  if (next_.empty()) return std::nullopt;
  const Arrival arrival = next_.top();
  next_.pop();
  Refill(arrival.stream);
  return arrival;
}

void ArrivalMerge::Refill(size_t stream) {
  const std::optional<absl::Duration> time = streams_[stream]->Next();
  if (time.has_value()) next_.push({*time, stream});
}

}  // namespace snapvit
