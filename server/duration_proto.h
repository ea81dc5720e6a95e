// google.protobuf.Duration and absl::Duration.
#ifndef SNAPVIT_SERVER_DURATION_PROTO_H_
#define SNAPVIT_SERVER_DURATION_PROTO_H_

#include <google/protobuf/duration.pb.h>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace snapvit {

// A positive duration. INVALID_ARGUMENT, with the value and named after `field`, for anything else:
// zero, negative, or seconds and nanoseconds outside the message's ranges.
absl::StatusOr<absl::Duration> PositiveDuration(const google::protobuf::Duration& proto,
                                                const char* field);

// REQUIRES: finite.
void SetDuration(absl::Duration duration, google::protobuf::Duration* proto);

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_DURATION_PROTO_H_
