// SoakTally: what the callers of a load have seen, in the terms of the server's metrics, so that
// the two can be compared number by number.
#ifndef SNAPVIT_TESTS_E2E_SOAK_TALLY_H_
#define SNAPVIT_TESTS_E2E_SOAK_TALLY_H_

#include <map>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "snapvit/v1/types.pb.h"

namespace snapvit {

// Counts by series: the metric's name without its prefix, and the values of its labels but model,
// in alphabetical order of the labels, with blanks between: "requests_total OK embed search".
using Series = std::map<std::string, double>;

// Of requests, images, degraded and shed images and FLOPs. Images that were not served are added up
// over what was asked for, which a refused caller is not told.
Series ReadSeries(const std::string& metrics);

// Thread-safe.
class SoakTally {
 public:
  void CountRequest(const std::string& tenant, const std::string& method, const std::string& code)
      ABSL_LOCKS_EXCLUDED(mu_);
  void CountServed(const std::string& tenant, const v1::Receipt& receipt) ABSL_LOCKS_EXCLUDED(mu_);
  // `reason`: ErrorInfo's, of an image that its request's budget was understood of.
  void CountUnserved(const std::string& tenant, const std::string& reason, int images = 1)
      ABSL_LOCKS_EXCLUDED(mu_);

  Series Get() const ABSL_LOCKS_EXCLUDED(mu_);
  // Of all tenants.
  double requests() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  mutable absl::Mutex mu_;
  Series series_ ABSL_GUARDED_BY(mu_);
  double requests_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace snapvit

#endif  // SNAPVIT_TESTS_E2E_SOAK_TALLY_H_
