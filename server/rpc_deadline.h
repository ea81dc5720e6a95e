// From a gRPC deadline, on the wall clock, to one on our clock.
#ifndef SNAPVIT_SERVER_RPC_DEADLINE_H_
#define SNAPVIT_SERVER_RPC_DEADLINE_H_

#include <chrono>

#include "absl/time/time.h"
#include "core/base/clock.h"

namespace snapvit {

// Until when work for a call makes sense: its deadline less `margin`, which is what sending the
// reply takes, but at most a tenth of the time that is left. InfiniteFuture if the call has no
// deadline.
absl::Time WorkDeadline(std::chrono::system_clock::time_point rpc_deadline, absl::Duration margin,
                        const Clock& clock);

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_RPC_DEADLINE_H_
