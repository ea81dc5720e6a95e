// From a budget as the command line reads it to the budget of a request.
#ifndef SNAPVIT_CLIENT_CLI_BUDGET_PROTO_H_
#define SNAPVIT_CLIENT_CLI_BUDGET_PROTO_H_

#include "core/elastic/budget.h"
#include "snapvit/v1/types.pb.h"

namespace snapvit::cli {

// Target, floor and strict; what `budget` leaves open stays unset.
v1::Budget ToProto(const Budget& budget);

}  // namespace snapvit::cli

#endif  // SNAPVIT_CLIENT_CLI_BUDGET_PROTO_H_
