#include "server/duration_proto.h"

#include "absl/strings/str_cat.h"

namespace snapvit {
namespace {

constexpr int64_t kMaxSeconds = 315'576'000'000;  // of google.protobuf.Duration: 10 000 years
constexpr int32_t kNanosPerSecond = 1'000'000'000;

}  // namespace

absl::StatusOr<absl::Duration> PositiveDuration(const google::protobuf::Duration& proto,
                                                const char* field) {
  const bool in_range = proto.seconds() >= 0 && proto.seconds() <= kMaxSeconds &&
                        proto.nanos() >= 0 && proto.nanos() < kNanosPerSecond;
  const bool zero = proto.seconds() == 0 && proto.nanos() == 0;
  if (!in_range || zero) {
    return absl::InvalidArgumentError(absl::StrCat(field, " is ", proto.seconds(), " s and ",
                                                   proto.nanos(),
                                                   " ns, expected a duration above zero"));
  }
  return absl::Seconds(proto.seconds()) + absl::Nanoseconds(proto.nanos());
}

void SetDuration(absl::Duration duration, google::protobuf::Duration* proto) {
  absl::Duration rest;
  proto->set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &rest));
  proto->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(rest)));
}

}  // namespace snapvit
