#include "server/caller.h"

#include <grpc/grpc_security_constants.h>
#include <grpcpp/security/auth_context.h>

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "core/base/sha256.h"
#include "server/rpc_trace.h"

namespace snapvit {
namespace {

constexpr char kAuthorization[] = "authorization";
constexpr absl::string_view kScheme = "bearer ";

// The key of one header; empty if it is none.
absl::string_view BearerKey(absl::string_view header) {
  if (!absl::StartsWithIgnoreCase(header, kScheme)) return {};
  header.remove_prefix(kScheme.size());
  return absl::StripLeadingAsciiWhitespace(header);
}

void AddNames(const grpc::AuthContext& context, const char* property,
              std::vector<std::string>& names) {
  for (const grpc::string_ref& name : context.FindPropertyValues(property)) {
    if (name.size() > 0) names.emplace_back(name.data(), name.size());
  }
}

std::vector<std::string> CertificateNames(const grpc::AuthContext& context) {
  std::vector<std::string> names;
  AddNames(context, GRPC_PEER_DNS_PROPERTY_NAME, names);
  AddNames(context, GRPC_PEER_URI_PROPERTY_NAME, names);
  // As for host names (RFC 6125): what an authority has written as a subject alternative name
  // counts, and the free text of a common name only where there is none.
  if (names.empty()) AddNames(context, GRPC_X509_CN_PROPERTY_NAME, names);
  return names;
}

}  // namespace

Caller::Caller(const grpc::CallbackServerContext& rpc)
    : peer(rpc.peer()), trace(ReadTraceContext(rpc)) {
  const auto [first, last] = rpc.client_metadata().equal_range(kAuthorization);
  for (auto header = first; header != last; ++header) {
    AddAuthorization({header->second.data(), header->second.size()});
  }
  const auto context = rpc.auth_context();
  if (context != nullptr && context->IsPeerAuthenticated()) {
    certificate_names = CertificateNames(*context);
  }
}

Caller::Caller(std::string peer_address, std::span<const std::string> authorizations,
               std::span<const std::string> traceparents)
    : peer(std::move(peer_address)), trace(ReadTraceContext(traceparents)) {
  for (const std::string& header : authorizations) AddAuthorization(header);
}

void Caller::AddAuthorization(std::string_view header) {
  const absl::string_view key = BearerKey(absl::string_view(header.data(), header.size()));
  if (key.empty() || key_hash.has_value()) {
    bad_authorization = true;
    return;
  }
  Sha256 hash;
  hash.Add(key.data(), key.size());
  key_hash = hash.HexDigest();
}

}  // namespace snapvit
