#include "client/cli/bench_request.h"

#include <gmock/gmock.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <gtest/gtest.h>

#include "client/cli/bench_images.h"
#include "snapvit/v1/inference.pb.h"
#include "tests/testing/temporary_folder.h"

namespace snapvit::cli {
namespace {

template <typename Request>
Request Parse(grpc::ByteBuffer bytes) {
  Request request;
  EXPECT_TRUE(grpc::SerializationTraits<Request>::Deserialize(&bytes, &request).ok());
  return request;
}

std::vector<ImageSlice> Numbered(int count) {
  std::vector<ImageSlice> images;
  for (int i = 0; i < count; ++i) {
    v1::Image image;
    image.set_encoded(std::to_string(i));
    images.push_back(SerializeImage(image));
  }
  return images;
}

TEST(BenchRequests, AreWholeMessagesOfTheNextImages) {
  const auto stream = ParseStream({.rate = "1", .budget = "1,0.5", .floor = "0.3", .batch = "2"});
  ASSERT_TRUE(stream.ok()) << stream.status();
  const BenchRequests requests(*stream, "demo", Numbered(3));
  EXPECT_EQ(requests.method(), "/snapvit.v1.Inference/Embed");
  const auto request = Parse<v1::EmbedRequest>(requests.Make(1, 1, absl::Milliseconds(36)));
  EXPECT_EQ(request.model(), "demo");
  ASSERT_EQ(request.images_size(), 2);
  EXPECT_EQ(request.images(0).encoded(), "2");
  EXPECT_EQ(request.images(1).encoded(), "0");
  EXPECT_EQ(request.budget().compute(), 0.5);
  EXPECT_EQ(request.budget().floor_compute(), 0.3);
  EXPECT_EQ(request.timeout().nanos(), 36'000'000);
}

TEST(BenchRequests, ClassifyHasItsOwnFields) {
  const auto stream = ParseStream({.rate = "1", .method = "classify"});
  ASSERT_TRUE(stream.ok()) << stream.status();
  const BenchRequests requests(*stream, "", Numbered(1));
  EXPECT_EQ(requests.method(), "/snapvit.v1.Inference/Classify");
  const auto told = Parse<v1::ClassifyRequest>(requests.Make(0, 0, absl::Seconds(2)));
  EXPECT_EQ(told.timeout().seconds(), 2);
  EXPECT_EQ(told.images(0).encoded(), "0");
  EXPECT_FALSE(told.budget().has_compute());
  EXPECT_FALSE(Parse<v1::ClassifyRequest>(requests.Make(0, 0, std::nullopt)).has_timeout());
}

TEST(BenchImages, SyntheticOnesHaveTheModelsSizeAndFilesAreSentAsTheyAre) {
  const auto tensors = MakeBenchImages("tensors", 8, 4, 1);
  ASSERT_TRUE(tensors.ok()) << tensors.status();
  ASSERT_GT(tensors->size(), 1U);
  const grpc::ByteBuffer bytes(tensors->data(), 2);
  const auto request = Parse<v1::EmbedRequest>(bytes);
  EXPECT_THAT(request.images(0).tensor().shape(), ::testing::ElementsAre(3, 8, 4));
  EXPECT_EQ(request.images(0).tensor().data().size(), 3U * 8 * 4 * sizeof(float));
  EXPECT_NE(request.images(0).tensor().data(), request.images(1).tensor().data());

  const TemporaryFolder folder;
  folder.Write("b.png", "second");
  folder.Write("a.jpg", "first");
  const auto files = MakeBenchImages(folder.path(), 8, 4, 1);
  ASSERT_TRUE(files.ok()) << files.status();
  ASSERT_EQ(files->size(), 2U);
  EXPECT_EQ(Parse<v1::EmbedRequest>(grpc::ByteBuffer(files->data(), 1)).images(0).encoded(),
            "first");
  EXPECT_THAT(std::string(MakeBenchImages("/no/such", 8, 4, 1).status().message()),
              ::testing::HasSubstr("expected tensors, pixels"));
}

}  // namespace
}  // namespace snapvit::cli
