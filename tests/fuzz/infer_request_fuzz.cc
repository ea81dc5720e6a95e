// ModelInfer of the Open Inference Protocol, from the bytes of its message: tensors in both forms,
// parameters, outputs.
#include "server/infer_method.h"
#include "tests/fuzz/served_request.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  inference::ModelInferRequest request;
  if (snapvit::ParseMessage(data, size, request)) {
    snapvit::ServeRequest<snapvit::InferMethod>(request);
  }
  return 0;
}
