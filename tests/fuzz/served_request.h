// A request on its way from its parsed message to the scheduler: what the server does with bytes of
// clients, without threads and without an engine.
#ifndef SNAPVIT_TESTS_FUZZ_SERVED_REQUEST_H_
#define SNAPVIT_TESTS_FUZZ_SERVED_REQUEST_H_

#include <google/protobuf/message.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "core/base/status_macros.h"
#include "core/elastic/budget.h"
#include "server/http_error.h"
#include "server/image_input.h"
#include "server/rpc_status.h"
#include "server/served_model.h"
#include "tests/fuzz/fuzz.h"

namespace snapvit {

// Of 8 × 8 pixels, 16 components and 4 classes, with three rungs that have latencies and
// fidelities.
const ServedModel& FuzzedModel();

inline constexpr int kMostFuzzedImages = 4;
inline constexpr size_t kMostFuzzedBytes = 1 << 20;
inline constexpr size_t kMostFuzzedPixels = 1 << 16;

// False if the bytes are no message of this kind.
bool ParseMessage(const uint8_t* data, size_t size, google::protobuf::Message& message);

absl::Status PrepareImages(google::protobuf::RepeatedPtrField<v1::Image>& images);
absl::Status CheckBudget(const Budget& budget);

template <typename Method>
absl::Status TryRequest(typename Method::Request& request) {
  ASSIGN_OR_RETURN(const int64_t images, Method::ImageCount(request));
  if (images < 1 || images > kMostFuzzedImages) {
    return absl::InvalidArgumentError("too many images");
  }
  ASSIGN_OR_RETURN(const typename Method::Options options,
                   Method::ReadOptions(request, FuzzedModel()));
  CHECK_THAT(options.images->size() == images);
  if (options.timeout.has_value()) CHECK_THAT(*options.timeout > absl::ZeroDuration());
  RETURN_IF_ERROR(CheckBudget(options.budget));
  return PrepareImages(*options.images);
}

// What a client would be told. Nothing that it sends is the server's fault.
void CheckError(const absl::Status& error);

template <typename Method>
void ServeRequest(typename Method::Request& request) {
  const absl::Status status = TryRequest<Method>(request);
  if (!status.ok()) CheckError(status);
}

}  // namespace snapvit

#endif  // SNAPVIT_TESTS_FUZZ_SERVED_REQUEST_H_
