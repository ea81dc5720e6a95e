#include "server/rpc_trace.h"

#include <string>
#include <vector>

namespace snapvit {

std::optional<TraceContext> ReadTraceContext(const grpc::CallbackServerContext& rpc) {
  std::vector<std::string> headers;
  const auto [first, last] = rpc.client_metadata().equal_range(kTraceparent);
  for (auto header = first; header != last; ++header) {
    headers.emplace_back(header->second.data(), header->second.size());
  }
  return ReadTraceContext(headers);
}

void AddTraceTrailer(const std::optional<TraceContext>& trace, grpc::CallbackServerContext* rpc) {
  if (trace.has_value()) rpc->AddTrailingMetadata(kTraceresponse, trace->Traceresponse());
}

}  // namespace snapvit
