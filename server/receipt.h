// The receipt of an item: what was asked, what was served, why, and what it cost.
#ifndef SNAPVIT_SERVER_RECEIPT_H_
#define SNAPVIT_SERVER_RECEIPT_H_

#include <string_view>

#include "core/elastic/rung_interval.h"
#include "core/scheduling/task.h"
#include "server/served_model.h"
#include "snapvit/v1/types.pb.h"

namespace snapvit {

// Why the item was served at its rung: the limits of its budget, or what load and deadlines made of
// it since.
v1::Reason ServedReason(const RungInterval& rungs, const Execution& execution);

// "LOAD" of REASON_LOAD.
std::string_view ReasonName(v1::Reason reason);

// REQUIRES: execution.rung has a value, of the model's ladder.
void FillReceipt(const ServedModel& model, const RungInterval& rungs, const Execution& execution,
                 const std::string& embedding_space_id, v1::Receipt* receipt);

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_RECEIPT_H_
