#include "server/wire_message.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>
#include <grpcpp/support/proto_buffer_reader.h>
#include <grpcpp/support/proto_buffer_writer.h>

#include <limits>

#include "absl/strings/str_cat.h"
#include "core/base/error_reason.h"
#include "core/base/status_macros.h"

namespace snapvit {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

// As protobuf's parser.
constexpr int kDeepest = 100;
// Of what is sent, at most.
constexpr int kBlockBytes = 1 << 20;

// Walks over the fields of a message without parsing their values.
class FieldCount {
 public:
  enum class Result { kFine, kTooMany, kMalformed };

  explicit FieldCount(CodedInputStream* input) : input_(*input) {}

  // The fields up to the end of the input or its innermost limit.
  Result Count(const Descriptor* message, int depth) {
    while (const uint32_t tag = input_.ReadTag()) {
      if (++fields_ > kMostFields) return Result::kTooMany;
      const FieldDescriptor* field =
          message->FindFieldByNumber(WireFormatLite::GetTagFieldNumber(tag));
      const Result result = Skip(tag, field != nullptr ? field->message_type() : nullptr, depth);
      if (result != Result::kFine) return result;
    }
    return input_.ConsumedEntireMessage() ? Result::kFine : Result::kMalformed;
  }

 private:
  // The value of a field. `message`: its type, null if it is none.
  Result Skip(uint32_t tag, const Descriptor* message, int depth) {
    uint64_t number = 0;
    uint32_t word = 0;
    const auto read = [](bool done) { return done ? Result::kFine : Result::kMalformed; };
    switch (WireFormatLite::GetTagWireType(tag)) {
      case WireFormatLite::WIRETYPE_VARINT:
        return read(input_.ReadVarint64(&number));
      case WireFormatLite::WIRETYPE_FIXED64:
        return read(input_.ReadLittleEndian64(&number));
      case WireFormatLite::WIRETYPE_FIXED32:
        return read(input_.ReadLittleEndian32(&word));
      case WireFormatLite::WIRETYPE_LENGTH_DELIMITED:
        break;
      default:  // groups, which no message here has
        return Result::kMalformed;
    }
    int length = 0;
    if (!input_.ReadVarintSizeAsInt(&length)) return Result::kMalformed;
    if (message == nullptr) return read(input_.Skip(length));
    if (depth == 0 || input_.BytesUntilLimit() < length) return Result::kMalformed;
    const CodedInputStream::Limit limit = input_.PushLimit(length);
    const Result result = Count(message, depth - 1);
    input_.PopLimit(limit);
    return result;
  }

  CodedInputStream& input_;
  int fields_ = 0;
};

absl::Status Malformed(const Message& message) {
  return absl::InvalidArgumentError(
      absl::StrCat("the request cannot be parsed, expected a ", message.GetTypeName()));
}

absl::Status CheckFields(grpc::ByteBuffer* bytes, const Message& message) {
  grpc::ProtoBufferReader reader(bytes);
  CodedInputStream input(&reader);
  input.SetTotalBytesLimit(std::numeric_limits<int>::max());
  const CodedInputStream::Limit all = input.PushLimit(static_cast<int>(bytes->Length()));
  const FieldCount::Result result = FieldCount(&input).Count(message.GetDescriptor(), kDeepest);
  input.PopLimit(all);
  if (result == FieldCount::Result::kMalformed) return Malformed(message);
  if (result == FieldCount::Result::kFine) return absl::OkStatus();
  return WithReason(absl::ResourceExhaustedError(
                        absl::StrCat("the request has too many fields, expected at most ",
                                     kMostFields, " in all of its messages")),
                    kReasonTooLarge);
}

}  // namespace

absl::Status ReadWireMessage(const grpc::ByteBuffer& bytes, Message* message) {
  message->Clear();
  if (!bytes.Valid()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the call has no message, expected a ", message->GetTypeName()));
  }
  grpc::ByteBuffer shared(bytes);  // readers do not take constant ones
  RETURN_IF_ERROR(CheckFields(&shared, *message));
  grpc::ProtoBufferReader reader(&shared);
  if (message->ParseFromZeroCopyStream(&reader)) return absl::OkStatus();
  message->Clear();
  return Malformed(*message);
}

absl::Status ReadSmallWireMessage(const grpc::ByteBuffer& bytes, Message* message) {
  if (bytes.Valid() && bytes.Length() > kMostSmallBytes) {
    return WithReason(
        absl::ResourceExhaustedError(absl::StrCat(message->GetTypeName(), " has ", bytes.Length(),
                                                  " bytes, expected at most ", kMostSmallBytes)),
        kReasonTooLarge);
  }
  return ReadWireMessage(bytes, message);
}

grpc::ByteBuffer ToWire(const Message& message) {
  grpc::ByteBuffer bytes;
  grpc::ProtoBufferWriter writer(&bytes, kBlockBytes, static_cast<int>(message.ByteSizeLong()));
  // It fails for what is above 2 GiB, which limits on images exclude.
  (void)message.SerializeToZeroCopyStream(&writer);
  return bytes;
}

}  // namespace snapvit
