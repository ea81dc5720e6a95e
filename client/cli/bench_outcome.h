// What a reply says became of a request of a load.
#ifndef SNAPVIT_CLIENT_CLI_BENCH_OUTCOME_H_
#define SNAPVIT_CLIENT_CLI_BENCH_OUTCOME_H_

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include "client/cli/bench_stream.h"
#include "core/load/load_record.h"

namespace snapvit::cli {

// OK: all of `images` were answered. Shed: the error has a reason that is about load
// (core/base/error_reason.h). A request with several images ends as its first faulty one. Latency
// and in_time are left to the caller.
RequestOutcome ReadOutcome(BenchMethod method, int images, const grpc::Status& status,
                           const grpc::ByteBuffer& reply);

}  // namespace snapvit::cli

#endif  // SNAPVIT_CLIENT_CLI_BENCH_OUTCOME_H_
