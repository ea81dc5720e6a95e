// Messages of gRPC calls as bytes: the listeners take them so, and parse them once it is known who
// sends them.
#ifndef SNAPVIT_SERVER_WIRE_MESSAGE_H_
#define SNAPVIT_SERVER_WIRE_MESSAGE_H_

#include <google/protobuf/message.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <cstddef>

#include "absl/status/status.h"

namespace snapvit {

using ByteStream = grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>;

// Of a request, those of the messages in it counted: parsed, an empty image of two bytes takes
// fifty, so bytes alone do not bound the memory. The largest requests of honest clients have
// hundreds.
inline constexpr int kMostFields = 1 << 16;
// Of a request that holds no more than names.
inline constexpr size_t kMostSmallBytes = 64 << 10;

// Parses a request of at most `most_bytes`, which may be compressed: gRPC's own inflating, which
// knows no bound, is off (listeners.cc). Its bytes and fields are counted first. INVALID_ARGUMENT:
// it is no such message; RESOURCE_EXHAUSTED (TOO_LARGE): it is too large. Then `message` is empty.
absl::Status ReadWireMessage(const grpc::ByteBuffer& bytes, size_t most_bytes,
                             google::protobuf::Message* message);

grpc::ByteBuffer ToWire(const google::protobuf::Message& message);

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_WIRE_MESSAGE_H_
