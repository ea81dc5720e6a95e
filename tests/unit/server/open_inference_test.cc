// The Open Inference Protocol: tensors in and out, parameters, metadata, faults, streams.
#include <gmock/gmock.h>
#include <grpcpp/client_context.h>

#include <cstring>
#include <limits>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/server/service_fixture.h"

namespace snapvit {
namespace {

using inference::ModelInferRequest;
using inference::ModelInferResponse;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr int kPixels = 3 * 8 * 8;  // of an image of the model

std::string RawElement(const std::string& bytes) {
  const auto length = static_cast<uint32_t>(bytes.size());
  return std::string(reinterpret_cast<const char*>(&length), sizeof(length)) + bytes;
}

std::vector<float> Floats(const std::string& raw) {
  std::vector<float> values(raw.size() / sizeof(float));
  std::memcpy(values.data(), raw.data(), raw.size());
  return values;
}

class OpenInferenceTest : public ServiceTest {
 protected:
  static ModelInferRequest RequestOf(const std::string& input, const std::string& datatype,
                                     const std::vector<int64_t>& shape) {
    ModelInferRequest request;
    request.set_model_name("tiny");
    auto* tensor = request.add_inputs();
    tensor->set_name(input);
    tensor->set_datatype(datatype);
    for (const int64_t length : shape) tensor->add_shape(length);
    return request;
  }

  // "jpeg" stands for a real one.
  static ModelInferRequest ImageRequest(const std::vector<std::string>& images) {
    const v1::EmbedRequest encoded = EmbedOf(images);
    ModelInferRequest request = RequestOf("image", "BYTES", {static_cast<int64_t>(images.size())});
    std::string* raw = request.add_raw_input_contents();
    for (const v1::Image& image : encoded.images()) *raw += RawElement(image.encoded());
    return request;
  }

  static ModelInferRequest PixelRequest(int images, float value = 0.5F) {
    ModelInferRequest request = RequestOf("pixel_values", "FP32", {images, 3, 8, 8});
    const std::vector<float> values(size_t{kPixels} * images, value);
    request.add_raw_input_contents(values.data(), values.size() * sizeof(float));
    return request;
  }

  grpc::Status Infer(const ModelInferRequest& request, ModelInferResponse* response,
                     const std::string& key = "") {
    grpc::ClientContext rpc;
    if (!key.empty()) rpc.AddMetadata("authorization", "Bearer " + key);
    response->Clear();
    return open_inference_->ModelInfer(&rpc, request, response);
  }
};

TEST_F(OpenInferenceTest, EncodedImagesGetEmbeddingsAndProbabilities) {
  Start();
  ModelInferRequest request = ImageRequest({"jpeg", "jpeg"});
  request.set_id("a1");
  ModelInferResponse response;
  ASSERT_TRUE(Infer(request, &response).ok());
  EXPECT_EQ(response.id(), "a1");
  EXPECT_EQ(response.model_name(), "tiny");
  EXPECT_EQ(response.model_version(), "1");
  ASSERT_EQ(response.outputs_size(), 2);
  EXPECT_EQ(response.outputs(0).name(), "embedding");
  EXPECT_EQ(response.outputs(0).datatype(), "FP32");
  EXPECT_THAT(response.outputs(0).shape(), ElementsAre(2, 16));
  EXPECT_FALSE(response.outputs(0).has_contents());
  EXPECT_EQ(response.outputs(1).name(), "probabilities");
  EXPECT_THAT(response.outputs(1).shape(), ElementsAre(2, 4));
  ASSERT_EQ(response.raw_output_contents_size(), 2);

  v1::EmbedResponse native;
  ASSERT_TRUE(Embed(EmbedOf({"jpeg"}), &native).ok());
  const std::vector<float> embeddings = Floats(response.raw_output_contents(0));
  ASSERT_THAT(embeddings, SizeIs(32));
  for (size_t i = 0; i < embeddings.size(); ++i) {
    EXPECT_EQ(embeddings[i], native.items(0).embedding().values(static_cast<int>(i % 16))) << i;
  }
  const std::vector<float> shares = Floats(response.raw_output_contents(1));
  ASSERT_THAT(shares, SizeIs(8));
  EXPECT_NEAR(shares[4] + shares[5] + shares[6] + shares[7], 1, 1e-6);
  EXPECT_GT(shares[3], shares[0]);  // by index, not by score
}

TEST_F(OpenInferenceTest, ElementsMayComeTyped) {
  Start();
  ModelInferRequest pixels = RequestOf("pixel_values", "FP32", {2, 3, 8, 8});
  for (int i = 0; i < 2 * kPixels; ++i) {
    pixels.mutable_inputs(0)->mutable_contents()->add_fp32_contents(i < kPixels ? 0.25F : 0.75F);
  }
  ModelInferResponse response;
  ASSERT_TRUE(Infer(pixels, &response).ok());
  const std::vector<float> embeddings = Floats(response.raw_output_contents(0));
  EXPECT_EQ(embeddings[1], 0.25F);
  EXPECT_EQ(embeddings[17], 0.75F);

  ModelInferRequest images = RequestOf("image", "BYTES", {1, 1});
  images.mutable_inputs(0)->mutable_contents()->add_bytes_contents(
      EmbedOf({"jpeg"}).images(0).encoded());
  EXPECT_TRUE(Infer(images, &response).ok());
}

TEST_F(OpenInferenceTest, OnlyRequestedOutputsAreAnsweredInTheirOrder) {
  Start();
  ModelInferRequest request = PixelRequest(1);
  request.add_outputs()->set_name("probabilities");
  ModelInferResponse response;
  ASSERT_TRUE(Infer(request, &response).ok());
  ASSERT_EQ(response.outputs_size(), 1);
  EXPECT_EQ(response.outputs(0).name(), "probabilities");
  EXPECT_EQ(response.raw_output_contents_size(), 1);
  request.add_outputs()->set_name("embedding");
  ASSERT_TRUE(Infer(request, &response).ok());
  EXPECT_EQ(response.outputs(1).name(), "embedding");
}

TEST_F(OpenInferenceTest, ClassificationGivesTheBestLabels) {
  Start();
  ModelInferRequest request = PixelRequest(1);
  auto* output = request.add_outputs();
  output->set_name("probabilities");
  (*output->mutable_parameters())["classification"].set_int64_param(2);
  ModelInferResponse response;
  ASSERT_TRUE(Infer(request, &response).ok());
  EXPECT_EQ(response.outputs(0).datatype(), "BYTES");
  EXPECT_THAT(response.outputs(0).shape(), ElementsAre(1, 2));
  EXPECT_EQ(response.raw_output_contents(0),
            RawElement("0.643914:3:dog") + RawElement("0.236883:2:cat"));
  output->set_name("embedding");
  EXPECT_EQ(Infer(request, &response).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(OpenInferenceTest, TheBudgetIsANumberOrTextAndTheReceiptIsInTheParameters) {
  Start();
  ModelInferRequest request = PixelRequest(2);
  auto& budget = (*request.mutable_parameters())["budget"];
  ModelInferResponse response;
  budget.set_double_param(0.5);
  ASSERT_TRUE(Infer(request, &response).ok());
  auto& receipt = *response.mutable_parameters();
  EXPECT_EQ(receipt["requested_compute"].double_param(), 0.5);
  EXPECT_LE(receipt["served_compute"].double_param(), 0.5);
  EXPECT_GT(receipt["served_compute"].double_param(), 0.4);
  EXPECT_EQ(receipt["reason"].string_param(), "AS_REQUESTED");
  EXPECT_EQ(receipt["model"].string_param(), "tiny");
  EXPECT_EQ(receipt["embedding_space_id"].string_param(), "space16");
  EXPECT_GE(receipt["batch_size"].int64_param(), 1);
  const int64_t half = receipt["rung"].int64_param();
  budget.set_string_param("50%");
  ASSERT_TRUE(Infer(request, &response).ok());
  EXPECT_EQ(response.parameters().at("rung").int64_param(), half);
  budget.set_int64_param(1);
  ASSERT_TRUE(Infer(request, &response).ok());
  EXPECT_EQ(response.parameters().at("served_compute").double_param(), 1);
}

TEST_F(OpenInferenceTest, TheFloorAndStrictAreThoseOfTheNativeBudget) {
  Start();
  ModelInferRequest request = PixelRequest(1);
  auto& parameters = *request.mutable_parameters();
  parameters["budget"].set_double_param(0.9);
  parameters["floor"].set_string_param("60%");
  ModelInferResponse response;
  ASSERT_TRUE(Infer(request, &response).ok());
  EXPECT_LE(response.parameters().at("floor_compute").double_param(), 0.6 + 0.05);
  EXPECT_GT(response.parameters().at("floor_compute").double_param(), 0.5);
  parameters["strict"].set_bool_param(true);
  ASSERT_TRUE(Infer(request, &response).ok());
  EXPECT_EQ(response.parameters().at("floor_compute").double_param(),
            response.parameters().at("served_compute").double_param());
  EXPECT_EQ(engine_.last_spec().floor, engine_.last_spec().wanted);
}

TEST_F(OpenInferenceTest, WhatClientsSendOfTheirOwnAccordDoesNotMatter) {
  Start();
  ModelInferRequest request = PixelRequest(1);
  auto& parameters = *request.mutable_parameters();
  parameters["triton_enable_empty_final_response"].set_bool_param(true);
  parameters["binary_data_output"].set_bool_param(true);
  parameters["priority"].set_uint64_param(3);
  parameters["sequence_id"].set_string_param("a");
  parameters["sequence_start"].set_bool_param(true);
  parameters["sequence_end"].set_bool_param(true);
  (*request.mutable_inputs(0)->mutable_parameters())["binary_data_size"].set_int64_param(768);
  auto* output = request.add_outputs();
  output->set_name("embedding");
  (*output->mutable_parameters())["binary_data"].set_bool_param(true);
  ModelInferResponse response;
  EXPECT_TRUE(Infer(request, &response).ok());
  parameters["priority"].set_int64_param(3);
  parameters["sequence_id"].set_int64_param(7);
  EXPECT_TRUE(Infer(request, &response).ok());
}

TEST_F(OpenInferenceTest, ParametersThatAreNotUnderstoodAreNamed) {
  Start();
  const auto fault_of = [&](const std::string& name, const inference::InferParameter& value) {
    ModelInferRequest request = PixelRequest(1);
    (*request.mutable_parameters())[name] = value;
    ModelInferResponse response;
    const grpc::Status status = Infer(request, &response);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << name;
    EXPECT_NE(ReasonOf(status), "");
    return status.error_message();
  };
  inference::InferParameter value;
  value.set_double_param(7);
  EXPECT_THAT(fault_of("budget", value), AllOf(HasSubstr("budget"), HasSubstr("7")));
  EXPECT_THAT(fault_of("strict", value), HasSubstr("expected bool"));
  EXPECT_THAT(fault_of("timeout", value), HasSubstr("int64, microseconds"));
  EXPECT_THAT(fault_of("budgte", value), AllOf(HasSubstr("budgte"), HasSubstr("expected budget")));
  value.set_double_param(std::numeric_limits<double>::quiet_NaN());
  EXPECT_THAT(fault_of("floor", value), HasSubstr("floor"));
  value.set_string_param("much");
  EXPECT_THAT(fault_of("budget", value), AllOf(HasSubstr("budget"), HasSubstr("much")));
  value.set_int64_param(0);
  EXPECT_THAT(fault_of("timeout", value), HasSubstr("0 microseconds"));
  value.set_bool_param(true);
  EXPECT_THAT(fault_of("budget", value), HasSubstr("a number or a string"));
  EXPECT_EQ(engine_.computed(), 0);
}

TEST_F(OpenInferenceTest, AFaultyImageFailsTheCallWithItsIndexAndCostsNothing) {
  Start();
  ModelInferResponse response;
  const grpc::Status status = Infer(ImageRequest({"jpeg", "no image", ""}), &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("images[1]"));
  EXPECT_EQ(ReasonOf(status), "INVALID_ARGUMENT");
  EXPECT_EQ(engine_.computed(), 0);
  EXPECT_THAT(metrics_.Expose(),
              HasSubstr("snapvit_requests_total{code=\"INVALID_ARGUMENT\",method=\"infer\","
                        "model=\"tiny\",tenant=\"default\"} 1\n"));
}

TEST_F(OpenInferenceTest, AnImageThatShowsItsFaultOnlyWhenDecodedFailsTheCallToo) {
  Start();
  const std::string jpeg = EmbedOf({"jpeg"}).images(0).encoded();
  ModelInferResponse response;
  const grpc::Status status =
      Infer(ImageRequest({"jpeg", jpeg.substr(0, jpeg.size() / 2)}), &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("images[1]"));
}

TEST_F(OpenInferenceTest, TensorsThatDoNotFitAreExplained) {
  Start();
  struct Case {
    ModelInferRequest request;
    const char* message;
  };
  std::vector<Case> cases;
  const auto add = [&](ModelInferRequest request, const char* message) {
    cases.push_back({std::move(request), message});
    return &cases.back().request;
  };
  add({}, "inputs []");
  *add(ImageRequest({"jpeg"}), "[image, image]")->add_inputs() = ImageRequest({"a"}).inputs(0);
  add(RequestOf("pixels", "FP32", {1, 3, 8, 8}), "input pixels is not known");
  add(RequestOf("image", "FP32", {1}), "has datatype FP32, expected BYTES");
  add(RequestOf("pixel_values", "FP16", {1, 3, 8, 8}), "has datatype FP16, expected FP32");
  add(RequestOf("image", "BYTES", {1, 2}), "has shape [1, 2], expected [N] or [N, 1]");
  add(RequestOf("image", "BYTES", {}), "has shape []");
  add(RequestOf("pixel_values", "FP32", {3, 8, 8}), "expected [N, 3, H, W]");
  add(RequestOf("image", "BYTES", {0}), "0 images, expected 1 to 8");
  add(RequestOf("image", "BYTES", {-1}), "-1 images");
  add(RequestOf("image", "BYTES", {std::numeric_limits<int64_t>::max()}), "9223372036854775807");
  add(RequestOf("image", "BYTES", {2}), "has 0 elements, expected 2");
  add(RequestOf("pixel_values", "FP32", {1, 3, 8, 8}), "has 0 bytes, expected 768");
  add(RequestOf("pixel_values", "FP32", {1, 3, 16, 16}), "expected [N, 3, 8, 8]");
  add(PixelRequest(2), "expected 768 for each of its 1")->mutable_inputs(0)->set_shape(0, 1);
  add(PixelRequest(1), "772 bytes")->mutable_raw_input_contents(0)->append(4, '\0');
  add(ImageRequest({"a", "b"}), "more elements, expected 1")->mutable_inputs(0)->set_shape(0, 1);
  add(ImageRequest({"a"}), "has 1 elements, expected 2")->mutable_inputs(0)->set_shape(0, 2);
  add(ImageRequest({"a"}), "ends inside the length")->mutable_raw_input_contents(0)->resize(3);
  add(ImageRequest({"abc"}), "1 of the 3 bytes")->mutable_raw_input_contents(0)->resize(5);
  add(ImageRequest({"a"}), "4294967295 bytes")
      ->mutable_raw_input_contents(0)
      ->replace(0, 4, 4, '\xFF');
  add(ImageRequest({"a"}), "2 raw_input_contents")->add_raw_input_contents("b");
  add(ImageRequest({"a"}), "as well as raw_input_contents")->mutable_inputs(0)->mutable_contents();
  (*add(ImageRequest({"a"}), "parameter shared_memory_region")
        ->mutable_inputs(0)
        ->mutable_parameters())["shared_memory_region"]
      .set_string_param("r");
  add(PixelRequest(1), "output logits is not known")->add_outputs()->set_name("logits");
  ModelInferRequest* twice = add(PixelRequest(1), "embedding is named twice");
  twice->add_outputs()->set_name("embedding");
  twice->add_outputs()->set_name("embedding");
  for (const Case& c : cases) {
    ModelInferResponse response;
    const grpc::Status status = Infer(c.request, &response);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << c.message;
    EXPECT_THAT(status.error_message(), HasSubstr(c.message));
  }
  EXPECT_EQ(engine_.computed(), 0);
}

TEST_F(OpenInferenceTest, UnknownModelsAndVersionsAreNotFound) {
  Start();
  ModelInferRequest request = PixelRequest(1);
  request.set_model_version("2");
  ModelInferResponse response;
  EXPECT_EQ(Infer(request, &response).error_code(), grpc::StatusCode::NOT_FOUND);
  request.set_model_version("1");
  EXPECT_TRUE(Infer(request, &response).ok());
  request.set_model_name("other");
  EXPECT_EQ(Infer(request, &response).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(OpenInferenceTest, WithoutAClassifierThereAreEmbeddingsOnly) {
  Start(MakeServedModel(/*classes=*/0));
  ModelInferRequest request = PixelRequest(1);
  ModelInferResponse response;
  ASSERT_TRUE(Infer(request, &response).ok());
  EXPECT_EQ(response.outputs_size(), 1);
  request.add_outputs()->set_name("probabilities");
  EXPECT_EQ(Infer(request, &response).error_code(), grpc::StatusCode::FAILED_PRECONDITION);
}

TEST_F(OpenInferenceTest, WhatItsTimeoutHasPassedIsNotComputed) {
  Start();
  engine_.Close();
  std::thread first([this] {
    ModelInferResponse response;
    EXPECT_TRUE(Infer(PixelRequest(1), &response).ok());
  });
  engine_.AwaitComputed(1);
  ModelInferRequest request = PixelRequest(2);
  (*request.mutable_parameters())["timeout"].set_int64_param(1000);
  ModelInferResponse response;
  EXPECT_EQ(Infer(request, &response).error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  engine_.Open();
  first.join();
  EXPECT_EQ(engine_.computed(), 1);
}

TEST_F(OpenInferenceTest, TenantsAreThoseOfTheNativeMethods) {
  tenants_file_ = "tenants:\n" + TenantOf("search", {"ceiling: 0.5"});
  Start();
  ModelInferResponse response;
  EXPECT_EQ(Infer(PixelRequest(1), &response).error_code(), grpc::StatusCode::UNAUTHENTICATED);
  ASSERT_TRUE(Infer(PixelRequest(1), &response, "search-key").ok());
  EXPECT_EQ(response.parameters().at("reason").string_param(), "TENANT_LIMIT");
  grpc::ClientContext metadata_rpc;
  inference::ServerMetadataResponse metadata;
  EXPECT_EQ(open_inference_->ServerMetadata(&metadata_rpc, {}, &metadata).error_code(),
            grpc::StatusCode::UNAUTHENTICATED);
  grpc::ClientContext ready_rpc;
  inference::ServerReadyResponse ready;
  EXPECT_TRUE(open_inference_->ServerReady(&ready_rpc, {}, &ready).ok());
  EXPECT_THAT(metrics_.Expose(),
              AllOf(HasSubstr("snapvit_requests_total{code=\"OK\",method=\"infer\","
                              "model=\"tiny\",tenant=\"search\"} 1\n"),
                    HasSubstr("snapvit_requests_total{code=\"UNAUTHENTICATED\",method=\"infer\","
                              "model=\"tiny\",tenant=\"other\"} 1\n")));
}

TEST_F(OpenInferenceTest, ReadinessFollowsTheModel) {
  Start(nullptr);
  const auto model_ready = [&](const std::string& name, const std::string& version = "") {
    grpc::ClientContext rpc;
    inference::ModelReadyRequest request;
    request.set_name(name);
    request.set_version(version);
    inference::ModelReadyResponse response;
    EXPECT_TRUE(open_inference_->ModelReady(&rpc, request, &response).ok());
    return response.ready();
  };
  const auto server_ready = [&] {
    grpc::ClientContext rpc;
    inference::ServerReadyResponse response;
    EXPECT_TRUE(open_inference_->ServerReady(&rpc, {}, &response).ok());
    return response.ready();
  };
  EXPECT_FALSE(server_ready());
  EXPECT_FALSE(model_ready("tiny"));
  {
    grpc::ClientContext rpc;
    inference::ModelMetadataRequest request;
    request.set_name("tiny");
    inference::ModelMetadataResponse response;
    const grpc::Status status = open_inference_->ModelMetadata(&rpc, request, &response);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
    EXPECT_EQ(ReasonOf(status), "STARTING");
  }
  state_.SetModel(MakeServedModel());
  state_.SetPhase(Phase::kReady, 1);
  EXPECT_TRUE(server_ready());
  EXPECT_TRUE(model_ready("tiny"));
  EXPECT_TRUE(model_ready("tiny", "1"));
  EXPECT_FALSE(model_ready("tiny", "2"));
  EXPECT_FALSE(model_ready("other"));
  state_.SetPhase(Phase::kDraining, 0);
  EXPECT_FALSE(server_ready());
  EXPECT_FALSE(model_ready("tiny"));
  grpc::ClientContext rpc;
  inference::ServerLiveResponse live;
  EXPECT_TRUE(open_inference_->ServerLive(&rpc, {}, &live).ok());
  EXPECT_TRUE(live.live());
}

TEST_F(OpenInferenceTest, MetadataAndConfigurationDescribeTheTensors) {
  Start();
  inference::ModelMetadataRequest metadata_request;
  metadata_request.set_name("tiny");
  inference::ModelMetadataResponse metadata;
  grpc::ClientContext metadata_rpc;
  ASSERT_TRUE(open_inference_->ModelMetadata(&metadata_rpc, metadata_request, &metadata).ok());
  EXPECT_THAT(metadata.versions(), ElementsAre("1"));
  ASSERT_EQ(metadata.inputs_size(), 2);
  EXPECT_EQ(metadata.inputs(0).datatype(), "BYTES");
  EXPECT_THAT(metadata.inputs(0).shape(), ElementsAre(-1));
  EXPECT_THAT(metadata.inputs(1).shape(), ElementsAre(-1, 3, 8, 8));
  ASSERT_EQ(metadata.outputs_size(), 2);
  EXPECT_THAT(metadata.outputs(0).shape(), ElementsAre(-1, 16));
  EXPECT_THAT(metadata.outputs(1).shape(), ElementsAre(-1, 4));
  inference::ModelConfigRequest config_request;
  config_request.set_name("tiny");
  inference::ModelConfigResponse config;
  grpc::ClientContext config_rpc;
  ASSERT_TRUE(open_inference_->ModelConfig(&config_rpc, config_request, &config).ok());
  EXPECT_EQ(config.config().max_batch_size(), 0);
  EXPECT_THAT(config.config().input(0).dims(), ElementsAre(-1));
  EXPECT_THAT(config.config().input(1).dims(), ElementsAre(-1, 3, 8, 8));
  EXPECT_THAT(config.config().output(0).dims(), ElementsAre(-1, 16));
}

TEST_F(OpenInferenceTest, AStreamAnswersEveryRequestWithItsIdAndFaultsDoNotEndIt) {
  Start();
  grpc::ClientContext rpc;
  const auto stream = open_inference_->ModelStreamInfer(&rpc);
  ModelInferRequest good = PixelRequest(2);
  good.set_id("good");
  ModelInferRequest bad = ImageRequest({"no image"});
  bad.set_id("bad");
  ModelInferRequest shapeless;
  shapeless.set_id("shapeless");
  for (const ModelInferRequest* request : {&bad, &shapeless, &good}) {
    ASSERT_TRUE(stream->Write(*request));
  }
  stream->WritesDone();
  std::map<std::string, inference::ModelStreamInferResponse> replies;
  inference::ModelStreamInferResponse reply;
  while (stream->Read(&reply)) replies[reply.infer_response().id()] = reply;
  EXPECT_TRUE(stream->Finish().ok());
  ASSERT_THAT(replies, SizeIs(3));
  EXPECT_THAT(replies["bad"].error_message(), HasSubstr("images[0]"));
  EXPECT_EQ(replies["bad"].infer_response().outputs_size(), 0);
  EXPECT_THAT(replies["shapeless"].error_message(), HasSubstr("inputs []"));
  EXPECT_EQ(replies["good"].error_message(), "");
  EXPECT_EQ(replies["good"].infer_response().outputs_size(), 2);
}

}  // namespace
}  // namespace snapvit
