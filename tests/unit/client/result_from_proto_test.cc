#include "client/result_from_proto.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace snapvit::client {
namespace {

using ::testing::ElementsAre;

TEST(ResultFromProto, ReceiptKeepsEveryField) {
  v1::Receipt proto;
  proto.set_model("demo");
  proto.set_rung(4);
  proto.set_requested_compute(0.5);
  proto.set_served_compute(0.45);
  proto.mutable_ratios()->set_mlp(0.3);
  proto.mutable_ratios()->set_heads(0.1);
  proto.set_reason(v1::REASON_TENANT_LIMIT);
  proto.mutable_queue_time()->set_nanos(1'500'000);
  proto.mutable_compute_time()->set_seconds(2);
  proto.set_batch_size(8);
  const Receipt receipt = FromProto(proto);
  EXPECT_EQ(receipt.model, "demo");
  EXPECT_EQ(receipt.rung, 4u);
  EXPECT_EQ(receipt.requested_compute, 0.5);
  EXPECT_EQ(receipt.served_compute, 0.45);
  EXPECT_EQ(receipt.mlp_ratio, 0.3);
  EXPECT_EQ(receipt.head_ratio, 0.1);
  EXPECT_EQ(receipt.reason, "TENANT_LIMIT");
  EXPECT_EQ(receipt.queue_time, absl::Microseconds(1500));
  EXPECT_EQ(receipt.compute_time, absl::Seconds(2));
  EXPECT_EQ(receipt.batch_size, 8u);
  EXPECT_EQ(receipt.estimated_fidelity, std::nullopt);
}

TEST(ResultFromProto, ReasonOfANewerServerIsItsNumber) {
  v1::Receipt proto;
  proto.set_reason(static_cast<v1::Reason>(42));
  EXPECT_EQ(FromProto(proto).reason, "42");
}

TEST(ResultFromProto, UnpacksEmbeddings) {
  v1::Embedding proto;
  proto.set_dtype(v1::DTYPE_INT8);
  proto.set_packed(std::string("\x01\x02\xff\xfe", 4));
  proto.set_scale(2);
  proto.add_shape(2);
  proto.add_shape(2);
  const auto embedding = FromProto(proto);
  ASSERT_TRUE(embedding.ok());
  EXPECT_THAT(embedding->values, ElementsAre(2, 4, -2, -4));
  EXPECT_THAT(embedding->shape, ElementsAre(2, 2));
}

TEST(ResultFromProto, EmbeddingWhoseShapeLiesIsAnError) {
  for (const std::vector<int64_t>& shape :
       {std::vector<int64_t>{}, {3}, {-1}, {0}, {int64_t{1} << 33, int64_t{1} << 33}}) {
    v1::Embedding proto;
    proto.set_dtype(v1::DTYPE_FP32);
    proto.add_values(1);
    proto.add_values(2);
    for (const int64_t size : shape) proto.add_shape(size);
    EXPECT_EQ(FromProto(proto).status().code(), absl::StatusCode::kInternal);
  }
}

TEST(ResultFromProto, ItemWithoutResultIsAnError) {
  EXPECT_FALSE(FromProto(v1::EmbedItem()).embedding.ok());
  EXPECT_FALSE(FromProto(v1::ClassifyItem()).labels.ok());
}

TEST(ResultFromProto, DurationsSurviveTheRoundTrip) {
  for (const absl::Duration duration :
       {absl::ZeroDuration(), absl::Milliseconds(15), absl::Seconds(90) + absl::Nanoseconds(1)}) {
    EXPECT_EQ(FromProto(ToProto(duration)), duration);
  }
}

}  // namespace
}  // namespace snapvit::client
