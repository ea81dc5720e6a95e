#include "client/rpc_error.h"

#include <gtest/gtest.h>

#include "tests/unit/client/fake_server.h"

namespace snapvit::client {
namespace {

TEST(RpcError, CarriesReasonAndRetryDelayOfACall) {
  const absl::Status status =
      FromRpcStatus(MakeGrpcError(grpc::RESOURCE_EXHAUSTED, "the queue is full", "QUEUE_FULL", 2));
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(status.message(), "the queue is full");
  EXPECT_EQ(ErrorReason(status), "QUEUE_FULL");
  EXPECT_EQ(RetryDelay(status), absl::Seconds(2));
}

TEST(RpcError, CarriesReasonOfAnItem) {
  const absl::Status status =
      FromRpcStatus(MakeError(grpc::INVALID_ARGUMENT, "image 3: not an image", "BAD_IMAGE"));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ErrorReason(status), "BAD_IMAGE");
  EXPECT_EQ(RetryDelay(status), std::nullopt);
}

TEST(RpcError, OkIsOk) { EXPECT_TRUE(FromRpcStatus(grpc::Status::OK).ok()); }

TEST(RpcError, SurvivesUnreadableDetails) {
  const absl::Status status =
      FromRpcStatus(grpc::Status(grpc::UNAVAILABLE, "gone", "\xff\xff not a message"));
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(status.message(), "gone");
  EXPECT_EQ(ErrorReason(status), std::nullopt);
}

TEST(RpcError, ItemErrorWithoutACodeIsStillAnError) {
  EXPECT_EQ(FromRpcStatus(google::rpc::Status()).code(), absl::StatusCode::kUnknown);
}

}  // namespace
}  // namespace snapvit::client
