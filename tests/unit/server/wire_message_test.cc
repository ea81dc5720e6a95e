#include "server/wire_message.h"

#include <gmock/gmock.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/gzip_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "core/base/error_reason.h"
#include "inference/grpc_service.pb.h"
#include "snapvit/v1/inference.pb.h"

namespace snapvit {
namespace {

using ::google::protobuf::util::MessageDifferencer;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr size_t kMost = 1 << 20;

// In slices of `most` bytes, as they come from a network.
grpc::ByteBuffer Bytes(const std::string& text, size_t most = 1 << 20) {
  std::vector<grpc::Slice> slices;
  for (size_t at = 0; at < text.size(); at += most) {
    slices.emplace_back(text.data() + at, std::min(most, text.size() - at));
  }
  return {slices.data(), slices.size()};
}

v1::EmbedRequest Request() {
  v1::EmbedRequest request;
  request.set_id("a");
  request.mutable_budget()->set_compute(0.5);
  request.mutable_timeout()->set_seconds(3);
  for (const int bytes : {0, 1, 5000}) {
    request.add_images()->set_encoded(std::string(bytes, '\x08'));
    v1::Tensor* tensor = request.add_images()->mutable_tensor();
    tensor->set_data(std::string(bytes, 'x'));
    for (const int extent : {3, 8, 8}) tensor->add_shape(extent);
  }
  return request;
}

TEST(WireMessage, ComesBackFromItsBytesHoweverTheyAreCut) {
  const v1::EmbedRequest request = Request();
  for (const size_t most : {1, 7, 4096}) {
    v1::EmbedRequest read;
    ASSERT_TRUE(ReadWireMessage(Bytes(request.SerializeAsString(), most), kMost, &read).ok())
        << most;
    EXPECT_TRUE(MessageDifferencer::Equals(read, request)) << most;
  }
  v1::EmbedRequest read;
  ASSERT_TRUE(ReadWireMessage(ToWire(request), kMost, &read).ok());
  EXPECT_TRUE(MessageDifferencer::Equals(read, request));
  ASSERT_TRUE(ReadWireMessage(Bytes(""), kMost, &read).ok());
  EXPECT_EQ(read.ByteSizeLong(), 0U);
}

TEST(WireMessage, WhatIsNoSuchMessageIsNamed) {
  const std::string whole = Request().SerializeAsString();
  v1::EmbedRequest read;
  int malformed = 0;
  for (size_t size = 1; size < 60; ++size) {
    const absl::Status status = ReadWireMessage(Bytes(whole.substr(0, size)), kMost, &read);
    if (status.ok()) continue;  // cut between two fields
    ++malformed;
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(status.message(), HasSubstr("snapvit.v1.EmbedRequest"));
    EXPECT_EQ(read.ByteSizeLong(), 0U);
  }
  EXPECT_GT(malformed, 30);
  EXPECT_FALSE(ReadWireMessage(Bytes("\x0B\x0C"), kMost, &read).ok()) << "a group";
  EXPECT_FALSE(ReadWireMessage(Bytes("\x2A\x02\xC3\x28"), kMost, &read).ok())
      << "a text that is no UTF-8";
  const absl::Status none = ReadWireMessage(grpc::ByteBuffer(), kMost, &read);
  EXPECT_EQ(none.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(none.message(), AllOf(HasSubstr("no message"), HasSubstr("EmbedRequest")));
}

std::string Repeated(const std::string& field, int times) {
  std::string text;
  text.reserve(field.size() * times);
  for (int i = 0; i < times; ++i) text += field;
  return text;
}

template <typename Message>
absl::Status Read(const std::string& bytes) {
  Message message;
  const absl::Status status = ReadWireMessage(Bytes(bytes), kMost, &message);
  EXPECT_TRUE(status.ok() || message.ByteSizeLong() == 0);
  return status;
}

TEST(WireMessage, FieldsAreCountedBeforeAnythingIsParsed) {
  const std::string image("\x12\x00", 2), unknown("\xF8\x07\x00", 3);
  EXPECT_TRUE(Read<v1::EmbedRequest>(Repeated(image, kMostFields)).ok());
  EXPECT_TRUE(Read<v1::EmbedRequest>(Repeated(unknown, kMostFields)).ok());
  for (const std::string& field : {image, unknown}) {
    const absl::Status status = Read<v1::EmbedRequest>(Repeated(field, kMostFields + 1));
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
    EXPECT_EQ(GetReason(status), kReasonTooLarge);
    EXPECT_THAT(status.message(), HasSubstr(std::to_string(kMostFields)));
  }
}

TEST(WireMessage, FieldsOfInnerMessagesCount) {
  inference::ModelInferRequest request;
  auto* texts = request.add_inputs()->mutable_contents()->mutable_bytes_contents();
  for (int i = 0; i < kMostFields; ++i) texts->Add();
  const absl::Status status = Read<inference::ModelInferRequest>(request.SerializeAsString());
  EXPECT_EQ(GetReason(status), kReasonTooLarge) << status;
  // Numbers of a tensor are one field.
  inference::ModelInferRequest numbers;
  auto* values = numbers.add_inputs()->mutable_contents()->mutable_fp32_contents();
  values->Resize(2 * kMostFields, 1.0F);
  EXPECT_TRUE(Read<inference::ModelInferRequest>(numbers.SerializeAsString()).ok());
}

using google::protobuf::io::GzipOutputStream;

// As gRPC's clients compress.
std::string Compressed(const std::string& bytes, GzipOutputStream::Format format) {
  std::string result;
  google::protobuf::io::StringOutputStream out(&result);
  GzipOutputStream::Options options;
  options.format = format;
  GzipOutputStream gzip(&out, options);
  google::protobuf::io::CodedOutputStream(&gzip).WriteString(bytes);
  gzip.Close();
  return result;
}

TEST(WireMessage, CompressedOnesAreInflatedUpToTheirBound) {
  const v1::EmbedRequest request = Request();
  const std::string bytes = request.SerializeAsString();
  for (const auto format : {GzipOutputStream::GZIP, GzipOutputStream::ZLIB}) {
    const std::string compressed = Compressed(bytes, format);
    EXPECT_LT(compressed.size(), bytes.size() / 10);
    v1::EmbedRequest read;
    for (const size_t most : {1, 7, 4096}) {
      ASSERT_TRUE(ReadWireMessage(Bytes(compressed, most), bytes.size(), &read).ok()) << most;
      EXPECT_TRUE(MessageDifferencer::Equals(read, request)) << most;
    }
    const absl::Status larger = ReadWireMessage(Bytes(compressed), bytes.size() - 1, &read);
    EXPECT_EQ(GetReason(larger), kReasonTooLarge) << larger;
    EXPECT_EQ(read.ByteSizeLong(), 0U);
    std::string damaged = compressed;
    damaged[damaged.size() / 2] ^= 1;
    EXPECT_FALSE(ReadWireMessage(Bytes(damaged), kMost, &read).ok());
    const std::string images = Repeated(std::string("\x12\x00", 2), kMostFields + 1);
    const absl::Status many = ReadWireMessage(Bytes(Compressed(images, format)), kMost, &read);
    EXPECT_THAT(many.message(), HasSubstr("fields"));
  }
}

TEST(WireMessage, SmallRequestsAreSmall) {
  inference::ModelMetadataRequest request;
  request.set_name(std::string(kMostSmallBytes - 10, 'n'));
  inference::ModelMetadataRequest read;
  EXPECT_TRUE(ReadWireMessage(ToWire(request), kMostSmallBytes, &read).ok());
  request.set_name(std::string(kMostSmallBytes, 'n'));
  const absl::Status status = ReadWireMessage(ToWire(request), kMostSmallBytes, &read);
  EXPECT_EQ(GetReason(status), kReasonTooLarge) << status;
  EXPECT_THAT(status.message(), HasSubstr("ModelMetadataRequest"));
  EXPECT_FALSE(ReadWireMessage(grpc::ByteBuffer(), kMostSmallBytes, &read).ok());
}

}  // namespace
}  // namespace snapvit
