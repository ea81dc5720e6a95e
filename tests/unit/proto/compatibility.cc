#include "tests/unit/proto/compatibility.h"

#include "absl/strings/str_cat.h"

namespace snapvit {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;

// "repeated snapvit.v1.Image in oneof source": all that decides how a field is read.
std::string FormOf(const FieldDescriptor& field) {
  std::string form = field.is_repeated() ? "repeated " : "";
  if (field.type() == FieldDescriptor::TYPE_MESSAGE) {
    absl::StrAppend(&form, field.message_type()->full_name());
  } else if (field.type() == FieldDescriptor::TYPE_ENUM) {
    absl::StrAppend(&form, field.enum_type()->full_name());
  } else {
    absl::StrAppend(&form, field.type_name());
  }
  if (const auto* oneof = field.containing_oneof()) {
    absl::StrAppend(&form, " in oneof ", oneof->name());
  }
  return form;
}

std::string FormOf(const MethodDescriptor& method) {
  return absl::StrCat(method.client_streaming() ? "stream " : "", method.input_type()->full_name(),
                      " → ", method.server_streaming() ? "stream " : "",
                      method.output_type()->full_name());
}

class Comparison {
 public:
  explicit Comparison(const DescriptorPool& present) : present_(present) {}

  void Compare(const FileDescriptor& file) {
    for (int i = 0; i < file.message_type_count(); ++i) Compare(*file.message_type(i));
    for (int i = 0; i < file.enum_type_count(); ++i) Compare(*file.enum_type(i));
    for (int i = 0; i < file.service_count(); ++i) Compare(*file.service(i));
  }

  std::vector<std::string> Broken() && { return std::move(broken_); }

 private:
  void Compare(const Descriptor& message) {
    const Descriptor* now = present_.FindMessageTypeByName(message.full_name());
    if (now == nullptr) return Miss("message", message.full_name());
    for (int i = 0; i < message.field_count(); ++i) {
      const FieldDescriptor& field = *message.field(i);
      const FieldDescriptor* found = now->FindFieldByNumber(field.number());
      if (found == nullptr) {
        Miss("field", absl::StrCat(field.full_name(), " = ", field.number()));
      } else if (found->name() != field.name()) {
        Add(absl::StrCat("field ", field.full_name(), " = ", field.number(), " is called ",
                         found->name()));
      } else if (FormOf(*found) != FormOf(field)) {
        Add(absl::StrCat("field ", field.full_name(), " is ", FormOf(*found), ", was ",
                         FormOf(field)));
      }
    }
    for (int i = 0; i < message.nested_type_count(); ++i) Compare(*message.nested_type(i));
    for (int i = 0; i < message.enum_type_count(); ++i) Compare(*message.enum_type(i));
  }

  void Compare(const EnumDescriptor& type) {
    const EnumDescriptor* now = present_.FindEnumTypeByName(type.full_name());
    if (now == nullptr) return Miss("enum", type.full_name());
    for (int i = 0; i < type.value_count(); ++i) {
      const auto& value = *type.value(i);
      const auto* found = now->FindValueByName(value.name());
      if (found == nullptr || found->number() != value.number()) {
        Miss("enum value",
             absl::StrCat(type.full_name(), ".", value.name(), " = ", value.number()));
      }
    }
  }

  void Compare(const ServiceDescriptor& service) {
    for (int i = 0; i < service.method_count(); ++i) {
      const MethodDescriptor& method = *service.method(i);
      const MethodDescriptor* now = present_.FindMethodByName(method.full_name());
      if (now == nullptr) {
        Miss("method", method.full_name());
      } else if (FormOf(*now) != FormOf(method)) {
        Add(absl::StrCat("method ", method.full_name(), " is ", FormOf(*now), ", was ",
                         FormOf(method)));
      }
    }
  }

  void Miss(const std::string& kind, const std::string& what) {
    Add(absl::StrCat(kind, " ", what, " is gone"));
  }
  void Add(std::string line) { broken_.push_back(std::move(line)); }

  const DescriptorPool& present_;
  std::vector<std::string> broken_;
};

}  // namespace

std::vector<std::string> BrokenPromises(const google::protobuf::FileDescriptorSet& released,
                                        const DescriptorPool& present) {
  DescriptorPool pool;
  Comparison comparison(present);
  for (const auto& file : released.file()) {
    const FileDescriptor* built = pool.BuildFile(file);
    if (built == nullptr) return {absl::StrCat("the released file ", file.name(), " is broken")};
    comparison.Compare(*built);
  }
  return std::move(comparison).Broken();
}

}  // namespace snapvit
