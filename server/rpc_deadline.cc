#include "server/rpc_deadline.h"

#include <algorithm>

namespace snapvit {

absl::Time WorkDeadline(std::chrono::system_clock::time_point rpc_deadline, absl::Duration margin,
                        const Clock& clock) {
  if (rpc_deadline == std::chrono::system_clock::time_point::max()) return absl::InfiniteFuture();
  const absl::Duration left = absl::FromChrono(rpc_deadline - std::chrono::system_clock::now());
  return clock.Now() + left - std::clamp(left / 10, absl::ZeroDuration(), margin);
}

}  // namespace snapvit
