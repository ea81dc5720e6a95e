// Caller: who a call says it is from, and in which trace.
#ifndef SNAPVIT_SERVER_CALLER_H_
#define SNAPVIT_SERVER_CALLER_H_

#include <grpcpp/server_context.h>

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/trace_context.h"

namespace snapvit {

// What a call proves about its origin. A key is kept as its hash only.
struct Caller {
  // No proof: for tests, and where there is one tenant anyway.
  Caller() = default;
  // From the metadata "authorization: Bearer KEY" and from the client certificate that the
  // transport has verified.
  explicit Caller(const grpc::CallbackServerContext& rpc);
  // From the headers Authorization and traceparent of an HTTP request.
  Caller(std::string peer_address, std::span<const std::string> authorizations,
         std::span<const std::string> traceparents);

  std::string peer;  // address, for logs
  // SHA-256 of the key in lower-case hexadecimal digits; nothing: no key was sent.
  std::optional<std::string> key_hash;
  // There is an authorization, but not one key: another scheme, an empty key, or several.
  bool bad_authorization = false;
  // The names of the verified certificate: its DNS and URI alternative names or, if it has none,
  // its common name. Nothing: no certificate was presented.
  std::optional<std::vector<std::string>> certificate_names;
  std::optional<TraceContext> trace;  // proves nothing

 private:
  void AddAuthorization(std::string_view header);
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_CALLER_H_
