// A receipt as names and values, for protocols that carry it as such. The names and units are those
// of the command line's JSON.
#ifndef SNAPVIT_SERVER_RECEIPT_FIELDS_H_
#define SNAPVIT_SERVER_RECEIPT_FIELDS_H_

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "snapvit/v1/types.pb.h"

namespace snapvit {

struct ReceiptField {
  const char* name;  // "served_compute"
  std::variant<double, int64_t, std::string> value;
};

// All fields, in the order of the command line's JSON; estimated_fidelity only if it was measured.
std::vector<ReceiptField> ReceiptFields(const v1::Receipt& receipt);

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_RECEIPT_FIELDS_H_
