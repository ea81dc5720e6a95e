#include "server/host_port.h"

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace snapvit {
namespace {

absl::Status NotAnAddress(std::string_view text) {
  return absl::InvalidArgumentError(
      absl::StrCat("'", std::string(text),
                   "' is not a listen address, expected HOST:PORT such as 127.0.0.1:50051, "
                   "[::1]:50051 or 0.0.0.0:0 (port 0: any free port)"));
}

}  // namespace

std::string HostPort::ToString() const {
  const bool ipv6 = host.find(':') != std::string::npos;
  return ipv6 ? absl::StrCat("[", host, "]:", port) : absl::StrCat(host, ":", port);
}

bool HostPort::IsLoopback() const {
  return host == "localhost" || host == "::1" || absl::StartsWith(host, "127.");
}

absl::StatusOr<HostPort> ParseHostPort(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return NotAnAddress(text);
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  // An IPv6 address without brackets would lose its last group to the port.
  const bool ambiguous = !bracketed && host.find(':') != std::string_view::npos;
  uint32_t port = 0;
  const std::string digits(text.substr(colon + 1));
  const bool decimal =
      !digits.empty() && digits.find_first_not_of("0123456789") == std::string::npos;
  if (host.empty() || ambiguous || !decimal || !absl::SimpleAtoi(digits, &port) || port > 65535) {
    return NotAnAddress(text);
  }
  return HostPort{std::string(host), static_cast<uint16_t>(port)};
}

}  // namespace snapvit
