// Trace files: recorded arrivals, one a line (docs/formats.md).
#ifndef SNAPVIT_CORE_LOAD_ARRIVAL_TRACE_H_
#define SNAPVIT_CORE_LOAD_ARRIVAL_TRACE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace snapvit {

// One arrival a line, as seconds from the start, not falling; blank lines and what follows a # are
// skipped. INVALID_ARGUMENT "NAME:LINE: …" with the text and what was expected, also for a trace
// without arrivals.
absl::StatusOr<std::vector<absl::Duration>> ParseArrivalTrace(const std::string& text,
                                                              const std::string& name);

// The trace in a file; also ReadFile's errors.
absl::StatusOr<std::vector<absl::Duration>> ReadArrivalTrace(const std::string& path);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_LOAD_ARRIVAL_TRACE_H_
