// The protocol keeps what was released: proto/released has the descriptors of every version.
#include "tests/unit/proto/compatibility.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>

#include "core/base/file.h"
#include "google/rpc/error_details.pb.h"
#include "inference/grpc_service.pb.h"
#include "inference/model_config.pb.h"
#include "snapvit/v1/admin.pb.h"
#include "snapvit/v1/inference.pb.h"
#include "snapvit/v1/models.pb.h"

namespace snapvit {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::DescriptorProto;
using google::protobuf::FieldDescriptorProto;
using google::protobuf::FileDescriptorProto;
using google::protobuf::FileDescriptorSet;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

FileDescriptorSet ReadReleased(const std::filesystem::path& path) {
  FileDescriptorSet released;
  EXPECT_TRUE(released.ParseFromString(*ReadFile(path, size_t{1} << 20))) << path;
  EXPECT_GT(released.file_size(), 0) << path;
  return released;
}

TEST(ProtoCompatibility, EveryReleaseIsStillUnderstood) {
  // Linked in, with all that they import.
  ASSERT_NE(v1::Status::descriptor(), nullptr);
  ASSERT_NE(v1::EmbedRequest::descriptor(), nullptr);
  ASSERT_NE(inference::ModelConfig::descriptor(), nullptr);
  ASSERT_NE(inference::ModelInferRequest::descriptor(), nullptr);
  ASSERT_NE(google::rpc::ErrorInfo::descriptor(), nullptr);
  int releases = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(SNAPVIT_SOURCE_DIR "/proto/released")) {
    if (entry.path().extension() != ".pb") continue;
    ++releases;
    EXPECT_THAT(BrokenPromises(ReadReleased(entry.path()), *DescriptorPool::generated_pool()),
                IsEmpty())
        << entry.path();
  }
  EXPECT_GT(releases, 0);
}

// Of a small protocol that a test changes.
class BrokenPromisesTest : public ::testing::Test {
 protected:
  BrokenPromisesTest() {
    FileDescriptorProto& file = *released_.add_file();
    file.set_name("p.proto");
    file.set_package("p");
    file.set_syntax("proto3");
    DescriptorProto& message = *file.add_message_type();
    message.set_name("M");
    message.add_oneof_decl()->set_name("choice");
    Add(message, "a", 1, FieldDescriptorProto::TYPE_UINT32);
    Add(message, "b", 2, FieldDescriptorProto::TYPE_STRING)->set_oneof_index(0);
    auto& type = *file.add_enum_type();
    type.set_name("E");
    for (const int number : {0, 1}) {
      auto& value = *type.add_value();
      value.set_name("E" + std::to_string(number));
      value.set_number(number);
    }
    auto& method = *file.add_service()->add_method();
    file.mutable_service(0)->set_name("S");
    method.set_name("Call");
    method.set_input_type(".p.M");
    method.set_output_type(".p.M");
  }

  static FieldDescriptorProto* Add(DescriptorProto& message, const std::string& name, int number,
                                   FieldDescriptorProto::Type type) {
    FieldDescriptorProto* field = message.add_field();
    field->set_name(name);
    field->set_number(number);
    field->set_type(type);
    field->set_label(FieldDescriptorProto::LABEL_OPTIONAL);
    return field;
  }

  std::vector<std::string> After(const std::function<void(FileDescriptorProto&)>& change) const {
    FileDescriptorProto file = released_.file(0);
    change(file);
    DescriptorPool present;
    EXPECT_NE(present.BuildFile(file), nullptr);
    return BrokenPromises(released_, present);
  }

  FileDescriptorSet released_;
};

TEST_F(BrokenPromisesTest, WhatIsAddedBreaksNothing) {
  EXPECT_THAT(After([](FileDescriptorProto& file) {
                Add(*file.mutable_message_type(0), "c", 3, FieldDescriptorProto::TYPE_BOOL);
                file.add_message_type()->set_name("N");
              }),
              IsEmpty());
}

TEST_F(BrokenPromisesTest, AFieldThatIsRemovedRenumberedRenamedOrOfAnotherTypeIsNamed) {
  EXPECT_THAT(After([](FileDescriptorProto& file) {
                file.mutable_message_type(0)->mutable_field()->DeleteSubrange(0, 1);
              }),
              ElementsAre("field p.M.a = 1 is gone"));
  EXPECT_THAT(After([](FileDescriptorProto& file) {
                file.mutable_message_type(0)->mutable_field(0)->set_number(7);
              }),
              ElementsAre("field p.M.a = 1 is gone"));
  EXPECT_THAT(After([](FileDescriptorProto& file) {
                file.mutable_message_type(0)->mutable_field(0)->set_name("z");
              }),
              ElementsAre("field p.M.a = 1 is called z"));
  EXPECT_THAT(After([](FileDescriptorProto& file) {
                auto& field = *file.mutable_message_type(0)->mutable_field(0);
                field.set_type(FieldDescriptorProto::TYPE_UINT64);
              }),
              ElementsAre("field p.M.a is uint64, was uint32"));
  EXPECT_THAT(After([](FileDescriptorProto& file) {
                auto& field = *file.mutable_message_type(0)->mutable_field(0);
                field.set_label(FieldDescriptorProto::LABEL_REPEATED);
              }),
              ElementsAre("field p.M.a is repeated uint32, was uint32"));
  EXPECT_THAT(After([](FileDescriptorProto& file) {
                file.mutable_message_type(0)->mutable_field(0)->set_oneof_index(0);
              }),
              ElementsAre("field p.M.a is uint32 in oneof choice, was uint32"));
}

TEST_F(BrokenPromisesTest, EnumValuesMethodsAndMessagesThatAreGoneAreNamed) {
  EXPECT_THAT(After([](FileDescriptorProto& file) {
                file.mutable_enum_type(0)->mutable_value(1)->set_number(5);
              }),
              ElementsAre("enum value p.E.E1 = 1 is gone"));
  EXPECT_THAT(After([](FileDescriptorProto& file) {
                file.mutable_service(0)->mutable_method(0)->set_name("Other");
              }),
              ElementsAre("method p.S.Call is gone"));
  EXPECT_THAT(After([](FileDescriptorProto& file) {
                file.mutable_service(0)->mutable_method(0)->set_server_streaming(true);
              }),
              ElementsAre("method p.S.Call is p.M → stream p.M, was p.M → p.M"));
  EXPECT_THAT(After([](FileDescriptorProto& file) { file.clear_enum_type(); }),
              ElementsAre("enum p.E is gone"));
}

}  // namespace
}  // namespace snapvit
