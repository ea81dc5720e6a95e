#include "server/receipt_fields.h"

#include <google/protobuf/duration.pb.h>

#include "server/receipt.h"

namespace snapvit {
namespace {

double Milliseconds(const google::protobuf::Duration& duration) {
  return static_cast<double>(duration.seconds()) * 1e3 + duration.nanos() / 1e6;
}

}  // namespace

std::vector<ReceiptField> ReceiptFields(const v1::Receipt& receipt) {
  std::vector<ReceiptField> fields = {
      {"requested_compute", receipt.requested_compute()},
      {"served_compute", receipt.served_compute()},
      {"floor_compute", receipt.floor_compute()},
      {"gflops", receipt.gflops()},
      {"mlp_ratio", receipt.ratios().mlp()},
      {"head_ratio", receipt.ratios().heads()},
  };
  if (receipt.estimated_fidelity() > 0) {
    fields.push_back({"estimated_fidelity", receipt.estimated_fidelity()});
  }
  fields.insert(fields.end(), {
                                  {"rung", int64_t{receipt.rung()}},
                                  {"reason", std::string(ReasonName(receipt.reason()))},
                                  {"queue_ms", Milliseconds(receipt.queue_time())},
                                  {"decode_ms", Milliseconds(receipt.decode_time())},
                                  {"compute_ms", Milliseconds(receipt.compute_time())},
                                  {"batch_size", int64_t{receipt.batch_size()}},
                                  {"model", receipt.model()},
                                  {"ordering_id", receipt.ordering_id()},
                                  {"embedding_space_id", receipt.embedding_space_id()},
                              });
  return fields;
}

}  // namespace snapvit
