#include "tests/e2e/soak_references.h"

#include <grpcpp/client_context.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/base/file.h"
#include "core/base/random.h"

namespace snapvit {
namespace {

// Of a reference's length: what batches of other sizes may change in bf16.
constexpr double kTolerance = 0.02;

std::string TestImage(const std::string& name) {
  return *ReadFile(SNAPVIT_SOURCE_DIR "/tests/testdata/images/decode/" + name, size_t{1} << 20);
}

v1::Image Encoded(const std::string& bytes) {
  v1::Image image;
  image.set_encoded(bytes);
  return image;
}

v1::Image RandomPixels(uint64_t seed) {
  v1::Image image;
  Random random(seed);
  image.mutable_pixels()->set_height(40);
  image.mutable_pixels()->set_width(48);
  std::string& rgb = *image.mutable_pixels()->mutable_rgb();
  for (int i = 0; i < 3 * 40 * 48; ++i) rgb += static_cast<char>(random.Below(256));
  return image;
}

v1::Image RandomTensor(uint64_t seed, const v1::ModelInfo& model) {
  v1::Image image;
  Random random(seed);
  size_t count = 1;
  for (const uint32_t size : model.input_size()) {
    image.mutable_tensor()->add_shape(size);
    count *= size;
  }
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(random.Normal());
  image.mutable_tensor()->set_data(values.data(), values.size() * sizeof(float));
  return image;
}

std::vector<float> Scores(const v1::Labels& labels) {
  std::vector<float> scores;
  for (const v1::Label& label : labels.labels()) scores.push_back(label.score());
  return scores;
}

}  // namespace

SoakReferences::SoakReferences(v1::Inference::Stub& stub, const v1::ModelInfo& model,
                               const std::string& tenant, SoakTally& tally)
    : model_(model) {
  MakeImages();
  Learn(stub, tenant, tally);
}

void SoakReferences::MakeImages() {
  for (const char* name : {"grey.jpg", "rgb_420.jpg", "progressive_444.jpg", "rgb_8.png",
                           "palette_4.png", "rgba_8.png"}) {
    images_.push_back({Encoded(TestImage(name))});
  }
  for (uint64_t seed = 0; seed < 3; ++seed) images_.push_back({RandomPixels(seed)});
  for (uint64_t seed = 0; seed < 3; ++seed) images_.push_back({RandomTensor(seed, model_)});
  good_images_ = static_cast<int>(images_.size());
  const std::string jpeg = TestImage("rgb_420.jpg");
  images_.push_back({Encoded(jpeg.substr(0, jpeg.size() * 2 / 3)), SoakFault::kWhenDecoded});
  images_.push_back({Encoded("Dear server, this is text.\n"), SoakFault::kAtArrival});
  images_.push_back({v1::Image(), SoakFault::kAtArrival});
}

void SoakReferences::Learn(v1::Inference::Stub& stub, const std::string& tenant, SoakTally& tally) {
  for (int image = 0; image < good_images_; ++image) {
    for (const v1::Rung& rung : model_.ladder()) {
      v1::EmbedRequest request;
      request.mutable_budget()->set_compute(rung.compute());
      request.mutable_budget()->set_strict(true);
      *request.add_images() = images_[image].image;
      v1::EmbedResponse embedded;
      grpc::ClientContext rpc;
      rpc.AddMetadata("authorization", "Bearer " + tenant + "-key");
      const grpc::Status status = stub.Embed(&rpc, request, &embedded);
      ASSERT_TRUE(status.ok()) << status.error_message();
      ASSERT_TRUE(embedded.items(0).has_embedding()) << embedded.items(0).error().message();
      const Key key = {image, embedded.items(0).receipt().rung()};
      const auto& values = embedded.items(0).embedding().values();
      embeddings_[key].assign(values.begin(), values.end());
      tally.CountRequest(tenant, "embed", "OK");
      tally.CountServed(tenant, embedded.items(0).receipt());

      v1::ClassifyRequest classify;
      *classify.mutable_budget() = request.budget();
      *classify.add_images() = images_[image].image;
      v1::ClassifyResponse classified;
      grpc::ClientContext second;
      second.AddMetadata("authorization", "Bearer " + tenant + "-key");
      ASSERT_TRUE(stub.Classify(&second, classify, &classified).ok());
      scores_[key] = Scores(classified.items(0).labels());
      tally.CountRequest(tenant, "classify", "OK");
      tally.CountServed(tenant, classified.items(0).receipt());
    }
  }
}

void SoakReferences::Check(const std::vector<float>& reference, std::span<const float> values,
                           const char* what) {
  ++compared_;
  ASSERT_FALSE(values.empty()) << what;
  ASSERT_LE(values.size(), reference.size()) << what;
  const std::span<const float> expected = std::span(reference).first(values.size());
  if (std::equal(values.begin(), values.end(), expected.begin())) return;
  ++inexact_;
  double difference = 0;
  double length = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    difference += std::pow(values[i] - expected[i], 2);
    length += std::pow(expected[i], 2);
  }
  ASSERT_LE(std::sqrt(difference), kTolerance * std::sqrt(length)) << what;
}

void SoakReferences::CheckEmbedding(int image, uint32_t rung, std::span<const float> values) {
  const auto found = embeddings_.find({image, rung});
  ASSERT_NE(found, embeddings_.end()) << "image " << image << " at rung " << rung;
  Check(found->second, values, "embedding");
}

void SoakReferences::CheckLabels(int image, uint32_t rung, const v1::Labels& labels) {
  const auto found = scores_.find({image, rung});
  ASSERT_NE(found, scores_.end()) << "image " << image << " at rung " << rung;
  Check(found->second, Scores(labels), "scores");
}

}  // namespace snapvit
