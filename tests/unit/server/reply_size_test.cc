// Replies that could not be sent: refused before anything is computed, a stream's item by item.
#include "server/reply_size.h"

#include <gmock/gmock.h>
#include <grpcpp/client_context.h>

#include <map>
#include <string>
#include <vector>

#include "server/embedding_encoder.h"
#include "tests/unit/server/service_fixture.h"

namespace snapvit {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr size_t kLimit = 4096;

class ReplySizeTest : public ServiceTest {
 protected:
  ReplySizeTest() {
    model_->labels = ClassLabels(std::vector<std::string>(4, std::string(2000, 'a')));
    context_.max_message_bytes = kLimit;
  }

  // Its reply fits for one class, and not for four.
  static v1::ClassifyRequest ClassifyOf(uint32_t top_k) {
    v1::ClassifyRequest request;
    *request.mutable_images() = TensorRequest(1).images();
    request.set_top_k(top_k);
    return request;
  }

  std::shared_ptr<ServedModel> model_ = MakeServedModel();
};

// `actual` bytes for `images` images, for which `most` were to be expected.
void ExpectTight(size_t actual, size_t most, int images) {
  EXPECT_LE(actual, most);
  EXPECT_LE(most, actual + 256 * static_cast<size_t>(images) + 1024);
}

TEST_F(ReplySizeTest, WhatIsTooLargeToBeSentIsNotComputed) {
  Start(model_);
  grpc::ClientContext rpc;
  v1::ClassifyResponse response;
  const grpc::Status status = inference_->Classify(&rpc, ClassifyOf(4), &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(ReasonOf(status), "TOO_LARGE");
  EXPECT_THAT(status.error_message(), AllOf(HasSubstr("4096"), HasSubstr("--max-message-bytes")));
  const auto pushback = rpc.GetServerTrailingMetadata().find("grpc-retry-pushback-ms");
  ASSERT_NE(pushback, rpc.GetServerTrailingMetadata().end());
  EXPECT_EQ(pushback->second, "-1");
  EXPECT_EQ(engine_.computed(), 0);
  const std::string text = metrics_.Expose();
  EXPECT_THAT(text, HasSubstr("snapvit_refusals_total{reason=\"TOO_LARGE\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("snapvit_requests_total{code=\"RESOURCE_EXHAUSTED\",method="
                              "\"classify\",model=\"tiny\",tenant=\"default\"} 1\n"));
  ASSERT_TRUE(Classify(ClassifyOf(1), &response).ok());
  EXPECT_LE(response.ByteSizeLong(), kLimit);
}

TEST_F(ReplySizeTest, InAStreamItIsTheFaultOfItsMessage) {
  Start(model_);
  grpc::ClientContext rpc;
  const auto stream = inference_->ClassifyStream(&rpc);
  for (const uint32_t top_k : {1, 4, 2}) {
    v1::ClassifyRequest request = ClassifyOf(top_k);
    request.set_id(std::to_string(top_k));
    ASSERT_TRUE(stream->Write(request));
  }
  stream->WritesDone();
  std::map<std::string, v1::ClassifyResponse> replies;
  for (v1::ClassifyResponse reply; stream->Read(&reply);) replies[reply.id()] = reply;
  ASSERT_EQ(replies.size(), 3U);
  EXPECT_TRUE(replies["1"].items(0).has_labels());
  EXPECT_EQ(ReasonOf(replies["4"].items(0).error().SerializeAsString()), "TOO_LARGE");
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(ReplySizeTest, EmbeddingsAreCountedByShapeAndType) {
  for (const v1::Pooling pooling : {v1::POOLING_DEFAULT, v1::POOLING_PATCHES}) {
    for (const v1::DType dtype : {v1::DTYPE_FP32, v1::DTYPE_FP16, v1::DTYPE_INT8}) {
      v1::EmbedRequest request = TensorRequest(8);
      request.mutable_output()->set_pooling(pooling);
      request.mutable_output()->set_dtype(dtype);
      const EmbedMethod::Options options = *EmbedMethod::ReadOptions(request, *model_);
      const int64_t patches = model_->config.patches();
      std::vector<int64_t> shape = {16};
      if (pooling == v1::POOLING_PATCHES) shape.insert(shape.begin(), patches);
      const std::vector<float> values(shape.size() == 1 ? 16 : 16 * patches, 0.5F);
      v1::EmbedResponse response;
      for (int i = 0; i < 8; ++i) {
        EncodeEmbedding(values, shape, options.output, response.add_items()->mutable_embedding());
      }
      ExpectTight(response.ByteSizeLong(), MostReplyBytes(options, *model_, 8), 8);
    }
  }
}

TEST_F(ReplySizeTest, RepliesTakeWhatWasCounted) {
  context_.max_message_bytes = size_t{1} << 20;
  Start(model_);
  v1::EmbedRequest embed = TensorRequest(2);
  v1::EmbedResponse embedded;
  ASSERT_TRUE(Embed(embed, &embedded).ok());
  ExpectTight(embedded.ByteSizeLong(),
              MostReplyBytes(*EmbedMethod::ReadOptions(embed, *model_), *model_, 2), 2);
  v1::ClassifyRequest classify = ClassifyOf(3);
  v1::ClassifyResponse classified;
  ASSERT_TRUE(Classify(classify, &classified).ok());
  ExpectTight(classified.ByteSizeLong(),
              MostReplyBytes(*ClassifyMethod::ReadOptions(classify, *model_), *model_, 1), 1);

  inference::ModelInferRequest infer;
  infer.set_model_name("tiny");
  auto* tensor = infer.add_inputs();
  tensor->set_name(kPixelValuesInput);
  tensor->set_datatype("FP32");
  for (const int64_t length : {2, 3, 8, 8}) tensor->add_shape(length);
  infer.add_raw_input_contents(std::string(2 * 3 * 8 * 8 * sizeof(float), '\0'));
  infer.add_outputs()->set_name(kEmbeddingOutput);
  auto* classes = infer.add_outputs();
  classes->set_name(kProbabilitiesOutput);
  (*classes->mutable_parameters())["classification"].set_int64_param(3);
  grpc::ClientContext rpc;
  inference::ModelInferResponse inferred;
  ASSERT_TRUE(open_inference_->ModelInfer(&rpc, infer, &inferred).ok());
  ExpectTight(inferred.ByteSizeLong(),
              MostReplyBytes(*InferMethod::ReadOptions(infer, *model_), *model_, 2), 2);
}

}  // namespace
}  // namespace snapvit
