// From the items of a reply to results in plain types. Whatever a server sends gives a result or an
// error, never undefined behaviour.
#ifndef SNAPVIT_CLIENT_RESULT_FROM_PROTO_H_
#define SNAPVIT_CLIENT_RESULT_FROM_PROTO_H_

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/result.h"
#include "snapvit/v1/inference.pb.h"
#include "snapvit/v1/types.pb.h"

namespace snapvit::client {

absl::Duration FromProto(const google::protobuf::Duration& duration);
google::protobuf::Duration ToProto(absl::Duration duration);

Receipt FromProto(const v1::Receipt& receipt);

// Unpacks FP32, FP16, BF16 and INT8 (element × scale). INTERNAL if the number of elements is not
// the product of the shape, or the dtype is none of these.
absl::StatusOr<Embedding> FromProto(const v1::Embedding& embedding);

EmbedResult FromProto(const v1::EmbedItem& item);
ClassifyResult FromProto(const v1::ClassifyItem& item);

}  // namespace snapvit::client

#endif  // SNAPVIT_CLIENT_RESULT_FROM_PROTO_H_
