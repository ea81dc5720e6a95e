#include "client/cli/bench_request.h"

#include <utility>

#include "client/cli/budget_proto.h"
#include "client/result_from_proto.h"
#include "snapvit/v1/inference.pb.h"

namespace snapvit::cli {
namespace {

// A message is the concatenation of its fields, in any order: parts that are serialised by
// themselves and put one after another are the whole.
grpc::Slice Serialize(const google::protobuf::MessageLite& part) {
  return grpc::Slice(part.SerializeAsString());
}

template <typename Request>
grpc::Slice SerializeHead(const std::string& model, const Budget& budget) {
  Request head;
  head.set_model(model);
  *head.mutable_budget() = ToProto(budget);
  return Serialize(head);
}

template <typename Request>
grpc::Slice SerializeTimeout(absl::Duration timeout) {
  Request part;
  *part.mutable_timeout() = client::ToProto(timeout);
  return Serialize(part);
}

}  // namespace

ImageSlice SerializeImage(const v1::Image& image) {
  static_assert(int{v1::EmbedRequest::kImagesFieldNumber} ==
                int{v1::ClassifyRequest::kImagesFieldNumber});
  v1::EmbedRequest part;
  *part.add_images() = image;
  return Serialize(part);
}

BenchRequests::BenchRequests(const BenchStream& stream, const std::string& model,
                             std::vector<ImageSlice> images)
    : method_kind_(stream.method),
      method_(stream.method == BenchMethod::kEmbed ? "/snapvit.v1.Inference/Embed"
                                                   : "/snapvit.v1.Inference/Classify"),
      images_per_request_(stream.images_per_request),
      images_(std::move(images)) {
  for (const Budget& budget : stream.budgets.budgets()) {
    heads_.push_back(method_kind_ == BenchMethod::kEmbed
                         ? SerializeHead<v1::EmbedRequest>(model, budget)
                         : SerializeHead<v1::ClassifyRequest>(model, budget));
  }
}

grpc::ByteBuffer BenchRequests::Make(size_t number, size_t budget,
                                     std::optional<absl::Duration> timeout) const {
  std::vector<grpc::Slice> parts;
  parts.reserve(images_per_request_ + 2);
  parts.push_back(heads_[budget]);
  for (int i = 0; i < images_per_request_; ++i) {
    parts.push_back(images_[(number * images_per_request_ + i) % images_.size()]);
  }
  if (timeout.has_value()) {
    parts.push_back(method_kind_ == BenchMethod::kEmbed
                        ? SerializeTimeout<v1::EmbedRequest>(*timeout)
                        : SerializeTimeout<v1::ClassifyRequest>(*timeout));
  }
  return grpc::ByteBuffer(parts.data(), parts.size());
}

}  // namespace snapvit::cli
