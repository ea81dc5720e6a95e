// Images that wait: what is held of them, and what the queue counts.
#include "server/inference_job.h"

#include <gmock/gmock.h>

#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "server/infer_method.h"
#include "server/inference_methods.h"
#include "tests/unit/server/service_fixture.h"

namespace snapvit {
namespace {

using ::testing::AllOf;
using ::testing::Ge;
using ::testing::Le;

constexpr int kImages = 8;
constexpr int kValues = 3 * 8 * 8;  // of an image of the model
constexpr size_t kTensorBytes = size_t{kImages} * kValues * sizeof(float);

class InferenceJobTest : public ServiceTest {
 protected:
  // The engine has an image to compute until the test is over.
  void SetUp() override {
    Start();
    engine_.Close();
    first_ = std::thread([this] {
      v1::EmbedResponse response;
      EXPECT_TRUE(Embed(TensorRequest(1), &response).ok());
    });
    engine_.AwaitComputed(1);
  }

  void TearDown() override {
    engine_.Open();
    first_.join();
  }

  struct Held {
    size_t in_messages = 0;  // the request and its images
    size_t counted = 0;      // by the queue
  };

  // While the images of `request` wait.
  template <typename Method>
  Held HeldOf(typename Method::Request request) {
    Held held;
    InferenceJob::Options job_options;
    job_options.model = MakeServedModel();
    job_options.max_pixels = context_.max_pixels;
    const auto options = Method::ReadOptions(request, *job_options.model);
    EXPECT_TRUE(options.ok()) << options.status();
    if (!options.ok()) return held;
    InferenceJob job(job_options);
    absl::Notification done;
    const absl::Status started =
        job.Start(*options->images, executor_.get(), [&done] { done.Notify(); });
    EXPECT_TRUE(started.ok()) << started;
    if (!started.ok()) return held;
    held.counted = executor_->Stats().queued.bytes;
    held.in_messages = request.SpaceUsedLong() + options->images->SpaceUsedExcludingSelfLong();
    job.Cancel(executor_.get());
    done.WaitForNotification();
    return held;
  }

  static inference::ModelInferRequest InferRequest(const std::string& input,
                                                   const std::string& datatype,
                                                   const std::vector<int64_t>& shape) {
    inference::ModelInferRequest request;
    auto* tensor = request.add_inputs();
    tensor->set_name(input);
    tensor->set_datatype(datatype);
    for (const int64_t length : shape) tensor->add_shape(length);
    return request;
  }

  // An image with bytes behind its end, so that it is larger than all around it.
  static std::string LargeImage() {
    return EmbedOf({"jpeg"}).images(0).encoded() + std::string(10'000, 'x');
  }

 private:
  std::thread first_;
};

TEST_F(InferenceJobTest, TensorsAreHeldOnceAsTheyAreCounted) {
  const Held native = HeldOf<EmbedMethod>(TensorRequest(kImages));
  EXPECT_EQ(native.counted, kTensorBytes);
  EXPECT_LT(native.in_messages, kTensorBytes);

  const std::vector<float> values(size_t{kImages} * kValues, 0.5F);
  inference::ModelInferRequest raw = InferRequest("pixel_values", "FP32", {kImages, 3, 8, 8});
  raw.add_raw_input_contents(values.data(), kTensorBytes);
  const Held of_raw = HeldOf<InferMethod>(raw);
  EXPECT_EQ(of_raw.counted, kTensorBytes);
  EXPECT_LT(of_raw.in_messages, kTensorBytes);

  inference::ModelInferRequest typed = InferRequest("pixel_values", "FP32", {kImages, 3, 8, 8});
  typed.mutable_inputs(0)->mutable_contents()->mutable_fp32_contents()->Add(values.begin(),
                                                                            values.end());
  const Held of_typed = HeldOf<InferMethod>(typed);
  EXPECT_EQ(of_typed.counted, kTensorBytes);
  EXPECT_LT(of_typed.in_messages, kTensorBytes);
}

TEST_F(InferenceJobTest, EncodedImagesAreHeldOnceAsTheyAreCounted) {
  const std::string image = LargeImage();
  const size_t encoded = kImages * image.size();
  // Some may have been decoded meanwhile.
  const auto counted = AllOf(Ge(encoded), Le(encoded + kTensorBytes));
  const Held native = HeldOf<EmbedMethod>(EmbedOf(std::vector<std::string>(kImages, image)));
  EXPECT_THAT(native.counted, counted);
  EXPECT_LT(native.in_messages, encoded / 2);

  inference::ModelInferRequest raw = InferRequest("image", "BYTES", {kImages});
  std::string& elements = *raw.add_raw_input_contents();
  const auto length = static_cast<uint32_t>(image.size());
  for (int i = 0; i < kImages; ++i) {
    elements.append(reinterpret_cast<const char*>(&length), sizeof(length)).append(image);
  }
  const Held of_raw = HeldOf<InferMethod>(raw);
  EXPECT_THAT(of_raw.counted, counted);
  EXPECT_LT(of_raw.in_messages, encoded / 2);

  inference::ModelInferRequest typed = InferRequest("image", "BYTES", {kImages});
  for (int i = 0; i < kImages; ++i) {
    typed.mutable_inputs(0)->mutable_contents()->add_bytes_contents(image);
  }
  const Held of_typed = HeldOf<InferMethod>(typed);
  EXPECT_THAT(of_typed.counted, counted);
  EXPECT_LT(of_typed.in_messages, encoded / 2);
}

}  // namespace
}  // namespace snapvit
