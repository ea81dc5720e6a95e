// Unary calls: answers, receipts, and what each kind of fault looks like to a client.
#include <gmock/gmock.h>
#include <grpcpp/client_context.h>

#include <cmath>
#include <limits>
#include <thread>

#include "tests/unit/server/service_fixture.h"

namespace snapvit {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST_F(ServiceTest, EveryImageGetsItsEmbeddingAndReceipt) {
  Start();
  v1::EmbedRequest request = EmbedOf({"jpeg", "jpeg"});
  request.set_id("a1");
  request.mutable_budget()->set_compute(0.5);
  v1::EmbedResponse response;
  ASSERT_TRUE(Embed(request, &response).ok());
  EXPECT_EQ(response.id(), "a1");
  ASSERT_EQ(response.items_size(), 2);
  for (const v1::EmbedItem& item : response.items()) {
    const v1::Receipt& receipt = item.receipt();
    EXPECT_EQ(item.embedding().values_size(), 16);
    EXPECT_EQ(item.embedding().values(0), static_cast<float>(receipt.rung()));
    EXPECT_EQ(receipt.model(), "tiny");
    EXPECT_EQ(receipt.reason(), v1::REASON_AS_REQUESTED);
    EXPECT_EQ(receipt.requested_compute(), 0.5);
    EXPECT_LE(receipt.served_compute(), 0.5);
    EXPECT_GT(receipt.served_compute(), 0.4);
    EXPECT_EQ(receipt.embedding_space_id(), "space16");
    EXPECT_GE(receipt.batch_size(), 1U);
  }
}

TEST_F(ServiceTest, NoBudgetMeansDense) {
  Start();
  v1::EmbedResponse response;
  ASSERT_TRUE(Embed(TensorRequest(1), &response).ok());
  EXPECT_EQ(response.items(0).receipt().served_compute(), 1);
}

TEST_F(ServiceTest, TheModelFloorRaisesSmallerBudgetsAndSaysSo) {
  auto model = MakeServedModel();
  model->floor_rung = *model->ladder.AtMostCompute(0.7);
  const double floor = model->ladder.rung(model->floor_rung).compute;
  Start(model);
  v1::EmbedRequest request = TensorRequest(1);
  request.mutable_budget()->set_compute(0.3);
  v1::EmbedResponse response;
  ASSERT_TRUE(Embed(request, &response).ok());
  EXPECT_EQ(response.items(0).receipt().served_compute(), floor);
  EXPECT_EQ(response.items(0).receipt().requested_compute(), 0.3);
  EXPECT_EQ(response.items(0).receipt().reason(), v1::REASON_MODEL_FLOOR);
}

TEST_F(ServiceTest, ABadImageIsAnErrorOfItsOwnAndItsNeighboursAreAnswered) {
  Start();
  const std::string jpeg = EmbedOf({"jpeg"}).images(0).encoded();
  v1::EmbedRequest request =
      EmbedOf({"jpeg", "no image", "", jpeg.substr(0, jpeg.size() / 2), "jpeg"});
  request.add_images();  // no source
  v1::Tensor* tensor = request.add_images()->mutable_tensor();
  tensor->add_shape(4);
  tensor->set_data("1234");
  v1::EmbedResponse response;
  ASSERT_TRUE(Embed(request, &response).ok());
  ASSERT_EQ(response.items_size(), 7);
  EXPECT_TRUE(response.items(0).has_embedding());
  EXPECT_TRUE(response.items(4).has_embedding());
  for (const int bad : {1, 2, 3, 5, 6}) {
    const google::rpc::Status& error = response.items(bad).error();
    EXPECT_EQ(error.code(), grpc::StatusCode::INVALID_ARGUMENT) << bad;
    EXPECT_THAT(error.message(), HasSubstr("images[" + std::to_string(bad) + "]"));
    EXPECT_NE(ReasonOf(error.SerializeAsString()), "") << bad;
    EXPECT_FALSE(response.items(bad).has_receipt()) << bad;
  }
  EXPECT_THAT(response.items(6).error().message(), AllOf(HasSubstr("[4]"), HasSubstr("[3, 8, 8]")));
  EXPECT_EQ(engine_.computed(), 2);
}

TEST_F(ServiceTest, ImageBombsAreRefusedByTheirHeaders) {
  Start();
  // A PNG of 100 000 × 100 000 pixels that ends after its header.
  const std::string bomb(
      "\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\x01\x86\xa0\0\x01\x86\xa0\x08\x02\0\0\0\xc7\x0b\x4b\x1d",
      33);
  v1::Pixels pixels;
  pixels.set_height(1U << 31);
  pixels.set_width(1U << 31);
  v1::EmbedRequest request = EmbedOf({"jpeg", bomb});
  *request.add_images()->mutable_pixels() = pixels;
  v1::EmbedResponse response;
  ASSERT_TRUE(Embed(request, &response).ok());
  EXPECT_TRUE(response.items(0).has_embedding());
  for (const int bad : {1, 2}) {
    const google::rpc::Status& error = response.items(bad).error();
    EXPECT_EQ(error.code(), grpc::StatusCode::RESOURCE_EXHAUSTED) << error.message();
    EXPECT_EQ(ReasonOf(error.SerializeAsString()), "TOO_LARGE");
    EXPECT_THAT(error.message(), HasSubstr("--max-pixels"));
  }
  EXPECT_THAT(metrics_.Expose(), HasSubstr("snapvit_refusals_total{reason=\"TOO_LARGE\"} 2\n"));
}

TEST_F(ServiceTest, TheOnlyImageBeingBadIsNoFaultOfTheCall) {
  Start();
  v1::EmbedResponse response;
  ASSERT_TRUE(Embed(EmbedOf({"no image"}), &response).ok());
  ASSERT_EQ(response.items_size(), 1);
  EXPECT_TRUE(response.items(0).has_error());
}

TEST_F(ServiceTest, ImpossibleBudgetsAreInvalidAndNameTheValue) {
  Start();
  for (const double compute : {0.0, -1.0, 7.0, std::numeric_limits<double>::quiet_NaN()}) {
    v1::EmbedRequest request = TensorRequest(1);
    request.mutable_budget()->set_compute(compute);
    v1::EmbedResponse response;
    const grpc::Status status = Embed(request, &response);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << compute;
    EXPECT_THAT(status.error_message(), AllOf(HasSubstr("compute"), HasSubstr("expected")));
    if (!std::isnan(compute)) {
      EXPECT_THAT(status.error_message(), HasSubstr(std::to_string(static_cast<int>(compute))));
    }
    EXPECT_NE(ReasonOf(status), "");
  }
  v1::EmbedRequest request = TensorRequest(1);
  request.mutable_budget()->set_compute(0.4);
  request.mutable_budget()->set_floor_compute(0.6);
  v1::EmbedResponse response;
  EXPECT_EQ(Embed(request, &response).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(engine_.computed(), 0);
}

TEST_F(ServiceTest, FaultsOfARequestHaveTheirCodes) {
  Start(MakeServedModel(/*classes=*/0));
  v1::EmbedResponse response;
  EXPECT_EQ(Embed(v1::EmbedRequest(), &response).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Embed(TensorRequest(9), &response).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(metrics_.Expose(),
              HasSubstr("snapvit_refusals_total{reason=\"TOO_MANY_IMAGES\"} 1\n"));
  v1::EmbedRequest other = TensorRequest(1);
  other.set_model("other");
  EXPECT_EQ(Embed(other, &response).error_code(), grpc::StatusCode::NOT_FOUND);
  v1::EmbedRequest dimensions = TensorRequest(1);
  dimensions.mutable_output()->set_dimensions(17);
  EXPECT_EQ(Embed(dimensions, &response).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  v1::ClassifyRequest classify;
  *classify.mutable_images() = TensorRequest(1).images();
  v1::ClassifyResponse classes;
  EXPECT_EQ(Classify(classify, &classes).error_code(), grpc::StatusCode::FAILED_PRECONDITION);
}

TEST_F(ServiceTest, ClassifyGivesTheBestLabelsAsShares) {
  Start();
  v1::ClassifyRequest request;
  *request.mutable_images() = TensorRequest(1).images();
  request.set_top_k(2);
  v1::ClassifyResponse response;
  ASSERT_TRUE(Classify(request, &response).ok());
  const v1::Labels& labels = response.items(0).labels();
  ASSERT_EQ(labels.labels_size(), 2);
  EXPECT_EQ(labels.labels(0).label(), "dog");
  EXPECT_EQ(labels.labels(0).index(), 3U);
  const double sum = 1 + std::exp(1.0) + std::exp(2.0) + std::exp(3.0);
  EXPECT_NEAR(labels.labels(0).score(), std::exp(3.0) / sum, 1e-6);
  EXPECT_NEAR(labels.labels(1).score(), std::exp(2.0) / sum, 1e-6);
}

TEST_F(ServiceTest, AFullQueueRefusesTheWholeRequestAndSaysWhenToTryAgain) {
  executor_options_.scheduler.bounds.max_items = 2;
  Start();
  engine_.Close();
  std::thread first([this] {
    v1::EmbedResponse response;
    EXPECT_TRUE(Embed(TensorRequest(1), &response).ok());
  });
  engine_.AwaitComputed(1);
  grpc::ClientContext rpc;
  v1::EmbedResponse response;
  // Three images never fit; two fit now; then there is no room for one.
  EXPECT_EQ(ReasonOf(Embed(TensorRequest(3), &response)), "TOO_LARGE");
  std::thread second([this] {
    v1::EmbedResponse waiting;
    EXPECT_TRUE(Embed(TensorRequest(2), &waiting).ok());
  });
  while (executor_->Stats().queued.items < 2) std::this_thread::yield();
  const grpc::Status status = inference_->Embed(&rpc, TensorRequest(1), &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(ReasonOf(status), "QUEUE_FULL");
  EXPECT_EQ(rpc.GetServerTrailingMetadata().count("grpc-retry-pushback-ms"), 1U);
  engine_.Open();
  first.join();
  second.join();
}

TEST_F(ServiceTest, WhatExpiresInTheQueueIsNotComputed) {
  Start();
  engine_.Close();
  std::thread first([this] {
    v1::EmbedResponse response;
    EXPECT_TRUE(Embed(TensorRequest(1), &response).ok());
  });
  engine_.AwaitComputed(1);
  v1::EmbedRequest request = TensorRequest(2);
  request.mutable_timeout()->set_nanos(1'000'000);
  v1::EmbedResponse response;
  const grpc::Status status = Embed(request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  engine_.Open();
  first.join();
  EXPECT_EQ(engine_.computed(), 1);
}

TEST_F(ServiceTest, WhatTheClientCancelsIsNotComputed) {
  Start();
  engine_.Close();
  std::thread first([this] {
    v1::EmbedResponse response;
    EXPECT_TRUE(Embed(TensorRequest(1), &response).ok());
  });
  engine_.AwaitComputed(1);
  grpc::ClientContext rpc;
  std::thread second([this, &rpc] {
    v1::EmbedResponse response;
    EXPECT_EQ(inference_->Embed(&rpc, TensorRequest(3), &response).error_code(),
              grpc::StatusCode::CANCELLED);
  });
  while (executor_->Stats().queued.items < 3) std::this_thread::yield();
  rpc.TryCancel();
  while (executor_->Stats().queued.items > 0) std::this_thread::yield();
  second.join();
  engine_.Open();
  first.join();
  EXPECT_EQ(engine_.computed(), 1);
}

TEST_F(ServiceTest, BeforeTheModelIsThereAndWhileDrainingCallsAreUnavailable) {
  Start(nullptr);
  state_.SetPhase(Phase::kOrdering, 0.42);
  v1::EmbedResponse response;
  grpc::Status status = Embed(TensorRequest(1), &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ReasonOf(status), "STARTING");
  EXPECT_THAT(status.error_message(), AllOf(HasSubstr("ordering"), HasSubstr("42%")));
  state_.SetModel(MakeServedModel());
  EXPECT_TRUE(Embed(TensorRequest(1), &response).ok());
  state_.SetPhase(Phase::kDraining, 0);
  status = Embed(TensorRequest(1), &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ReasonOf(status), "DRAINING");
  EXPECT_EQ(RetryDelayOf(status), absl::Milliseconds(100)) << "as streams say";
}

TEST_F(ServiceTest, OutputOptionsShapeTheEmbedding) {
  Start();
  v1::EmbedRequest request = TensorRequest(1);
  request.mutable_output()->set_normalize(true);
  request.mutable_output()->set_dimensions(2);
  v1::EmbedResponse response;
  ASSERT_TRUE(Embed(request, &response).ok());
  const v1::Embedding& unit = response.items(0).embedding();
  ASSERT_EQ(unit.values_size(), 2);
  EXPECT_NEAR(std::hypot(unit.values(0), unit.values(1)), 1, 1e-6);
  EXPECT_EQ(response.items(0).receipt().embedding_space_id(), "space2");
  request.mutable_output()->set_dtype(v1::DTYPE_FP16);
  ASSERT_TRUE(Embed(request, &response).ok());
  EXPECT_EQ(response.items(0).embedding().packed().size(), 4U);
  EXPECT_EQ(response.items(0).embedding().dtype(), v1::DTYPE_FP16);
}

TEST_F(ServiceTest, ANewOrderingTakesOverWhileRequestsRun) {
  Start();
  engine_.Close();
  std::thread first([this] {
    v1::EmbedResponse response;
    EXPECT_TRUE(Embed(TensorRequest(1), &response).ok());
    EXPECT_NE(response.items(0).receipt().ordering_id(), "next");
  });
  engine_.AwaitComputed(1);
  auto next = MakeServedModel();
  next->generation = 2;
  next->ordering_id = "next";
  state_.SetModel(next);
  engine_.Open();
  first.join();
  v1::EmbedResponse response;
  ASSERT_TRUE(Embed(TensorRequest(1), &response).ok());
  EXPECT_EQ(response.items(0).receipt().ordering_id(), "next");
}

TEST_F(ServiceTest, MetricsCountWhatHappened) {
  Start();
  v1::EmbedRequest request = EmbedOf({"jpeg", "no image"});
  request.mutable_budget()->set_compute(0.5);
  v1::EmbedResponse response;
  ASSERT_TRUE(Embed(request, &response).ok());
  EXPECT_FALSE(Embed(v1::EmbedRequest(), &response).ok());
  const std::string text = metrics_.Expose();
  EXPECT_THAT(text, HasSubstr("snapvit_requests_total{code=\"OK\",method=\"embed\","
                              "model=\"tiny\",tenant=\"default\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("snapvit_requests_total{code=\"INVALID_ARGUMENT\",method=\"embed\","
                              "model=\"tiny\",tenant=\"default\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("snapvit_items_total{budget=\"0.5\",model=\"tiny\","
                              "requested_budget=\"0.5\",tenant=\"default\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("snapvit_items_total{budget=\"none\",model=\"tiny\","
                              "requested_budget=\"0.5\",tenant=\"default\"} 1\n"));
}

TEST_F(ServiceTest, ModelsTellWhatIsServedInEveryState) {
  Start(nullptr);
  v1::ModelInfo info;
  {
    grpc::ClientContext rpc;
    ASSERT_TRUE(models_->GetModel(&rpc, {}, &info).ok());
    EXPECT_EQ(info.name(), "tiny");
    EXPECT_EQ(info.state(), "loading");
  }
  state_.SetModel(MakeServedModel());
  state_.SetPhase(Phase::kReady, 1);
  {
    grpc::ClientContext rpc;
    ASSERT_TRUE(models_->GetModel(&rpc, {}, &info).ok());
    EXPECT_EQ(info.state(), "ready");
    EXPECT_EQ(info.embedding_dim(), 16U);
    ASSERT_GT(info.ladder_size(), 5);
    EXPECT_EQ(info.ladder(info.ladder_size() - 1).compute(), 1);
  }
  grpc::ClientContext rpc;
  v1::ListModelsResponse list;
  ASSERT_TRUE(models_->ListModels(&rpc, {}, &list).ok());
  ASSERT_EQ(list.models_size(), 1);
  EXPECT_EQ(list.models(0).ladder_size(), 0);
}

}  // namespace
}  // namespace snapvit
