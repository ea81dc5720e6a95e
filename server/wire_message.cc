#include "server/wire_message.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/gzip_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/wire_format_lite.h>
#include <grpcpp/support/proto_buffer_reader.h>
#include <grpcpp/support/proto_buffer_writer.h>

#include <limits>
#include <optional>

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
using google::protobuf::io::ZeroCopyInputStream;

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
    if (depth == 0) return Result::kMalformed;
    const CodedInputStream::Limit limit = input_.PushLimit(length);
    const Result result = Count(message, depth - 1);
    input_.PopLimit(limit);
    return result;
  }

  CodedInputStream& input_;
  int fields_ = 0;
};

// gRPC tells no handler whether a message was compressed. None of ours begins as gzip does (field
// 3, of a type that there is not), nor as deflate does (field 15).
bool IsCompressed(grpc::ByteBuffer* bytes) {
  grpc::ProtoBufferReader reader(bytes);
  CodedInputStream input(&reader);
  uint8_t start[2];
  if (!input.ReadRaw(start, sizeof(start))) return false;
  return (start[0] == 0x1F && start[1] == 0x8B) ||
         (start[0] == 0x78 && (start[0] << 8 | start[1]) % 31 == 0);
}

// The bytes of a message from its first one, inflated if they were compressed, and at most so many.
class MessageStream {
 public:
  MessageStream(grpc::ByteBuffer* bytes, bool compressed, size_t most_bytes) : reader_(bytes) {
    if (compressed) inflated_.emplace(&reader_);
    limited_.emplace(inflated_ ? static_cast<ZeroCopyInputStream*>(&*inflated_) : &reader_,
                     static_cast<int64_t>(most_bytes));
  }
  ZeroCopyInputStream* get() { return &*limited_; }
  int64_t read() const { return limited_->ByteCount(); }
  // Up to what was read.
  bool intact() const { return !inflated_ || inflated_->ZlibErrorCode() >= 0; }

 private:
  grpc::ProtoBufferReader reader_;
  std::optional<google::protobuf::io::GzipInputStream> inflated_;
  std::optional<google::protobuf::io::LimitingInputStream> limited_;
};

absl::Status Malformed(const Message& message) {
  return absl::InvalidArgumentError(
      absl::StrCat("the request cannot be parsed, expected a ", message.GetTypeName()));
}

absl::Status TooLarge(const Message& message, int64_t most, const char* unit) {
  return WithReason(absl::ResourceExhaustedError(
                        absl::StrCat("the request, a ", message.GetTypeName(), ", has too many ",
                                     unit, ", expected at most ", most)),
                    kReasonTooLarge);
}

absl::Status CheckSize(grpc::ByteBuffer* bytes, bool compressed, size_t most_bytes,
                       const Message& message) {
  // One more tells those that are as large as they may be from larger ones.
  MessageStream stream(bytes, compressed, most_bytes + 1);
  CodedInputStream input(stream.get());
  input.SetTotalBytesLimit(std::numeric_limits<int>::max());
  const FieldCount::Result result = FieldCount(&input).Count(message.GetDescriptor(), kDeepest);
  if (result == FieldCount::Result::kTooMany) return TooLarge(message, kMostFields, "fields");
  if (stream.read() > static_cast<int64_t>(most_bytes)) {
    return TooLarge(message, static_cast<int64_t>(most_bytes), "bytes");
  }
  if (result == FieldCount::Result::kMalformed || !stream.intact()) return Malformed(message);
  return absl::OkStatus();
}

}  // namespace

absl::Status ReadWireMessage(const grpc::ByteBuffer& bytes, size_t most_bytes, Message* message) {
  message->Clear();
  if (!bytes.Valid()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the call has no message, expected a ", message->GetTypeName()));
  }
  grpc::ByteBuffer shared(bytes);  // readers do not take constant ones
  const bool compressed = IsCompressed(&shared);
  RETURN_IF_ERROR(CheckSize(&shared, compressed, most_bytes, *message));
  MessageStream stream(&shared, compressed, most_bytes);
  if (message->ParseFromZeroCopyStream(stream.get())) return absl::OkStatus();
  message->Clear();
  return Malformed(*message);
}

grpc::ByteBuffer ToWire(const Message& message) {
  grpc::ByteBuffer bytes;
  grpc::ProtoBufferWriter writer(&bytes, kBlockBytes, static_cast<int>(message.ByteSizeLong()));
  // It fails for what is above 2 GiB, which limits on images exclude.
  (void)message.SerializeToZeroCopyStream(&writer);
  return bytes;
}

}  // namespace snapvit
