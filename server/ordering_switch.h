// What comes of another ordering taking over while the server runs (Admin.ReloadOrdering).
#ifndef SNAPVIT_SERVER_ORDERING_SWITCH_H_
#define SNAPVIT_SERVER_ORDERING_SWITCH_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace snapvit {

struct OrderingSwitch {
  std::string ordering_id;
  absl::Duration time;  // from the old one to the new one, without loading
};
using OrderingDone = std::function<void(const absl::StatusOr<OrderingSwitch>& result)>;

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_ORDERING_SWITCH_H_
