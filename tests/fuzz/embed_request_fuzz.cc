// Embed and Classify of snapvit.v1, from the bytes of their messages: budgets, tensors, pixels,
// encoded images, output options.
#include "server/inference_methods.h"
#include "tests/fuzz/served_request.h"

namespace snapvit {
namespace {

template <typename Method>
void Try(const uint8_t* data, size_t size) {
  typename Method::Request request;
  if (ParseMessage(data, size, request)) ServeRequest<Method>(request);
}

}  // namespace
}  // namespace snapvit

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  snapvit::Try<snapvit::EmbedMethod>(data, size);
  snapvit::Try<snapvit::ClassifyMethod>(data, size);
  return 0;
}
