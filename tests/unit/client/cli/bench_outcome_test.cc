#include "client/cli/bench_outcome.h"

#include <grpcpp/impl/codegen/proto_utils.h>
#include <gtest/gtest.h>

#include "snapvit/v1/inference.pb.h"
#include "tests/unit/client/fake_server.h"

namespace snapvit::cli {
namespace {

using Kind = RequestOutcome::Kind;

grpc::ByteBuffer Bytes(const google::protobuf::MessageLite& message) {
  const grpc::Slice slice(message.SerializeAsString());
  return grpc::ByteBuffer(&slice, 1);
}

void AddItem(double compute, double fidelity, v1::Reason reason, v1::EmbedResponse& response) {
  v1::EmbedItem& item = *response.add_items();
  item.mutable_embedding();
  item.mutable_receipt()->set_served_compute(compute);
  item.mutable_receipt()->set_estimated_fidelity(fidelity);
  item.mutable_receipt()->set_reason(reason);
}

RequestOutcome OutcomeOf(const v1::EmbedResponse& response) {
  return ReadOutcome(BenchMethod::kEmbed, response.items_size(), grpc::Status::OK, Bytes(response));
}

TEST(BenchOutcome, AnAnswerHasTheMeansOfItsReceipts) {
  v1::EmbedResponse response;
  AddItem(1, 1, v1::REASON_AS_REQUESTED, response);
  AddItem(0.5, 0.9, v1::REASON_LOAD, response);
  const RequestOutcome outcome = OutcomeOf(response);
  EXPECT_EQ(outcome.kind, Kind::kOk);
  EXPECT_EQ(outcome.images, 2);
  EXPECT_TRUE(outcome.degraded);
  EXPECT_DOUBLE_EQ(outcome.served_compute, 0.75);
  EXPECT_DOUBLE_EQ(*outcome.fidelity, 0.95);
}

TEST(BenchOutcome, AskingForLessOrAFloorIsNoDegradation) {
  for (const v1::Reason reason : {v1::REASON_AS_REQUESTED, v1::REASON_MODEL_FLOOR}) {
    v1::EmbedResponse response;
    AddItem(0.5, 0, reason, response);
    const RequestOutcome outcome = OutcomeOf(response);
    EXPECT_FALSE(outcome.degraded);
    EXPECT_EQ(outcome.fidelity, std::nullopt) << "0 is: not measured";
  }
}

TEST(BenchOutcome, RefusalsForLoadAreShedAndTheRestFailed) {
  const auto outcome = [](grpc::StatusCode code, const std::string& reason) {
    return ReadOutcome(BenchMethod::kEmbed, 1, client::MakeGrpcError(code, "no", reason), {});
  };
  for (const char* reason : {"QUEUE_FULL", "RATE_LIMIT", "CONCURRENCY", "DEADLINE_UNMEETABLE"}) {
    EXPECT_EQ(outcome(grpc::RESOURCE_EXHAUSTED, reason).kind, Kind::kShed) << reason;
  }
  EXPECT_EQ(outcome(grpc::DEADLINE_EXCEEDED, "EXPIRED").kind, Kind::kShed);
  EXPECT_EQ(outcome(grpc::DEADLINE_EXCEEDED, "EXPIRED").error, "DEADLINE_EXCEEDED/EXPIRED");
  EXPECT_EQ(outcome(grpc::RESOURCE_EXHAUSTED, "TOO_LARGE").kind, Kind::kFailed);
  EXPECT_EQ(outcome(grpc::UNAVAILABLE, "DRAINING").kind, Kind::kFailed);
  const RequestOutcome timeout = ReadOutcome(
      BenchMethod::kEmbed, 1, grpc::Status(grpc::DEADLINE_EXCEEDED, "Deadline Exceeded"), {});
  EXPECT_EQ(timeout.kind, Kind::kFailed) << "the client's own timeout";
  EXPECT_EQ(timeout.error, "DEADLINE_EXCEEDED");
}

TEST(BenchOutcome, AFaultyImageOrReplyIsTheRequestsFault) {
  v1::EmbedResponse response;
  AddItem(1, 1, v1::REASON_AS_REQUESTED, response);
  *response.add_items()->mutable_error() =
      client::MakeError(grpc::INVALID_ARGUMENT, "no image", "BAD_IMAGE");
  EXPECT_EQ(OutcomeOf(response).error, "INVALID_ARGUMENT/BAD_IMAGE");
  EXPECT_EQ(ReadOutcome(BenchMethod::kEmbed, 3, grpc::Status::OK, Bytes(response)).error,
            "INTERNAL");
  const grpc::Slice rubbish("\xff\xff\xff");
  EXPECT_EQ(
      ReadOutcome(BenchMethod::kClassify, 1, grpc::Status::OK, grpc::ByteBuffer(&rubbish, 1)).kind,
      Kind::kFailed);
}

}  // namespace
}  // namespace snapvit::cli
