// The JSON bodies of POST /v1/embeddings and /v1/classify, with the images in their data URIs.
#include <string>

#include "server/http_api_request.h"
#include "server/inference_methods.h"
#include "tests/fuzz/served_request.h"

namespace snapvit {
namespace {

template <typename Method, typename Call>
void Try(absl::StatusOr<Call> call) {
  if (call.ok()) {
    ServeRequest<Method>(call->request);
  } else {
    CheckError(call.status());
  }
}

}  // namespace
}  // namespace snapvit

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string body(snapvit::AsText(data, size));
  snapvit::Try<snapvit::EmbedMethod>(snapvit::ReadEmbeddingsCall(body));
  snapvit::Try<snapvit::ClassifyMethod>(snapvit::ReadClassifyCall(body));
  return 0;
}
