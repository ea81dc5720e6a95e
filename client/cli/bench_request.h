// BenchRequests: the requests of a load as bytes. Images and budgets are serialised once and
// shared by all requests, so that sending costs next to nothing and the load generator does not
// become the bottleneck.
#ifndef SNAPVIT_CLIENT_CLI_BENCH_REQUEST_H_
#define SNAPVIT_CLIENT_CLI_BENCH_REQUEST_H_

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "client/cli/bench_stream.h"
#include "snapvit/v1/types.pb.h"

namespace snapvit::cli {

// An image of a request, serialised. Cheap to copy.
using ImageSlice = grpc::Slice;
ImageSlice SerializeImage(const v1::Image& image);

// Immutable, so safe to share between threads.
class BenchRequests {
 public:
  // `model`: empty: the one that the server serves. REQUIRES: images are not empty.
  BenchRequests(const BenchStream& stream, const std::string& model,
                std::vector<ImageSlice> images);

  // "/snapvit.v1.Inference/Embed" and the like.
  const std::string& method() const { return method_; }

  // Request number `number` of the stream at this budget of its mix: the next images, in a circle.
  // `timeout`: nothing: none is told.
  grpc::ByteBuffer Make(size_t number, size_t budget, std::optional<absl::Duration> timeout) const;

 private:
  const BenchMethod method_kind_;
  const std::string method_;
  const int images_per_request_;
  std::vector<grpc::Slice> heads_;  // model and budget, by the index of the budget
  const std::vector<ImageSlice> images_;
};

}  // namespace snapvit::cli

#endif  // SNAPVIT_CLIENT_CLI_BENCH_REQUEST_H_
