// The protocol's Budget and the core's.
#ifndef SNAPVIT_SERVER_BUDGET_PROTO_H_
#define SNAPVIT_SERVER_BUDGET_PROTO_H_

#include "absl/status/statusor.h"
#include "core/elastic/budget.h"
#include "snapvit/v1/types.pb.h"

namespace snapvit {

// INVALID_ARGUMENT, with the value and what was expected, for every number out of its range (0, −1,
// NaN, 7). Whether target and floor go together is not checked here: that needs the ladder
// (ResolveBudget).
absl::StatusOr<Budget> ReadBudget(const v1::Budget& proto);

// What `budget` leaves open stays unset.
v1::Budget WriteBudget(const Budget& budget);

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_BUDGET_PROTO_H_
