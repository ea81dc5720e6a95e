// LoadRecord: the account of a load: what became of its requests.
#ifndef SNAPVIT_CORE_LOAD_LOAD_RECORD_H_
#define SNAPVIT_CORE_LOAD_LOAD_RECORD_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "core/load/latency_histogram.h"

namespace snapvit {

// What became of one request.
struct RequestOutcome {
  enum class Kind {
    kOk,      // answered
    kShed,    // refused or dropped because of load
    kFailed,  // anything else
  };
  Kind kind = Kind::kOk;
  absl::Duration latency;  // from the intended arrival to the answer, whatever it was
  bool in_time = true;     // no later than its deadline
  std::string error;       // what the errors are counted by, "CODE/REASON"; unused if kOk

  // Of a request that was answered.
  bool degraded = false;      // because of load or limits served below its budget, in any image
  int images = 1;             // answered
  double served_compute = 1;  // mean of its images, (0, 1]
  std::optional<double> fidelity;  // mean estimate of its images; nothing: not measured
};

// Not thread-safe.
class LoadRecord {
 public:
  LoadRecord() = default;
  // Precision as LatencyHistogram's.
  explicit LoadRecord(int latency_bits) : latency_(latency_bits) {}

  void Add(const RequestOutcome& outcome);
  // REQUIRES: the same precision.
  void Merge(const LoadRecord& other);

  uint64_t sent() const { return ok_ + shed_ + failed_; }
  uint64_t ok() const { return ok_; }
  uint64_t degraded() const { return degraded_; }  // among ok()
  uint64_t shed() const { return shed_; }
  uint64_t failed() const { return failed_; }
  uint64_t images() const { return images_; }    // answered
  uint64_t in_time() const { return in_time_; }  // among ok()

  // Share of what was sent that was answered in time; nothing if nothing was sent.
  std::optional<double> Attainment() const;
  // Means over the images that were answered; nothing if there are none (with a fidelity).
  std::optional<double> MeanServedCompute() const;
  std::optional<double> MeanFidelity() const;

  // Of the requests that were answered.
  const LatencyHistogram& latency() const { return latency_; }
  // Requests that were shed or failed, by their `error`.
  const std::map<std::string, uint64_t>& errors() const { return errors_; }

 private:
  uint64_t ok_ = 0;
  uint64_t degraded_ = 0;
  uint64_t shed_ = 0;
  uint64_t failed_ = 0;
  uint64_t in_time_ = 0;
  uint64_t images_ = 0;
  uint64_t images_with_fidelity_ = 0;
  double compute_sum_ = 0;
  double fidelity_sum_ = 0;
  LatencyHistogram latency_;
  std::map<std::string, uint64_t> errors_;
};

}  // namespace snapvit

#endif  // SNAPVIT_CORE_LOAD_LOAD_RECORD_H_
