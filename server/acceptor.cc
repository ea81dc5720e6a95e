#include "server/acceptor.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "core/base/clock.h"
#include "core/base/status_macros.h"

namespace snapvit {
namespace {

constexpr int kBacklog = 4096;
// At the limit, looking which connections have closed costs a system call each.
constexpr absl::Duration kLookPeriod = absl::Milliseconds(100);
// Until there may be a descriptor again.
constexpr int kNoDescriptorWaitMs = 50;

absl::Status SystemError(const char* what) {
  const std::string text = absl::StrCat(what, ": ", std::strerror(errno));
  const bool absent = errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL;
  return absent ? absl::NotFoundError(text) : absl::FailedPreconditionError(text);
}

struct AddressesFree {
  void operator()(addrinfo* addresses) const { freeaddrinfo(addresses); }
};
using Addresses = std::unique_ptr<addrinfo, AddressesFree>;

absl::StatusOr<Addresses> Resolve(const HostPort& address) {
  addrinfo hints = {};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const int error =
      getaddrinfo(address.host.c_str(), absl::StrCat(address.port).c_str(), &hints, &found);
  if (error != 0) return absl::FailedPreconditionError(gai_strerror(error));
  return Addresses(found);
}

void SetPort(sockaddr* address, uint16_t port) {
  if (address->sa_family == AF_INET6) {
    reinterpret_cast<sockaddr_in6*>(address)->sin6_port = htons(port);
  } else {
    reinterpret_cast<sockaddr_in*>(address)->sin_port = htons(port);
  }
}

uint16_t PortOf(int socket) {
  sockaddr_storage storage = {};
  socklen_t size = sizeof(storage);
  getsockname(socket, reinterpret_cast<sockaddr*>(&storage), &size);
  return ntohs(storage.ss_family == AF_INET6
                   ? reinterpret_cast<const sockaddr_in6&>(storage).sin6_port
                   : reinterpret_cast<const sockaddr_in&>(storage).sin_port);
}

// A listening socket. NOT_FOUND: this machine has no such address. Without SO_REUSEPORT: two
// servers on one port would share its connections unnoticed.
absl::StatusOr<int> ListenOn(const addrinfo& address) {
  const int listener = socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (listener < 0) return SystemError("socket");
  const int yes = 1;
  const int no = 0;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  // "::" is every address of this machine, as it is for gRPC.
  if (address.ai_family == AF_INET6) {
    setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no));
  }
  if (bind(listener, address.ai_addr, address.ai_addrlen) != 0 || listen(listener, kBacklog) != 0) {
    const absl::Status status = SystemError("bind");
    close(listener);
    return status;
  }
  return listener;
}

bool IsOutOfDescriptors(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

}  // namespace

Acceptor::Acceptor(Options options) : options_(std::move(options)), address_(options_.address) {}

absl::StatusOr<std::unique_ptr<Acceptor>> Acceptor::Listen(Options options) {
  auto acceptor = absl::WrapUnique(new Acceptor(std::move(options)));
  RETURN_IF_ERROR(acceptor->Bind());
  return acceptor;
}

absl::Status Acceptor::Bind() {
  stop_event_ = eventfd(0, EFD_CLOEXEC);
  if (stop_event_ < 0) return SystemError("eventfd");
  ASSIGN_OR_RETURN(const Addresses addresses, Resolve(options_.address));
  absl::Status failure;
  for (addrinfo* address = addresses.get(); address != nullptr; address = address->ai_next) {
    SetPort(address->ai_addr, address_.port);
    const absl::StatusOr<int> listener = ListenOn(*address);
    if (listener.ok()) {
      listeners_.push_back(*listener);
      address_.port = PortOf(*listener);
    } else {
      // A name may stand for an address of a family that this machine does not have.
      if (!absl::IsNotFound(listener.status())) return listener.status();
      failure = listener.status();
    }
  }
  return listeners_.empty() ? failure : absl::OkStatus();
}

void Acceptor::Stop() {
  if (thread_.joinable()) {
    const uint64_t one = 1;
    // An eventfd takes whole counters, and this is its only one.
    if (write(stop_event_, &one, sizeof(one)) == sizeof(one)) thread_.join();
  }
  for (const int listener : listeners_) close(listener);
  listeners_.clear();
  if (stop_event_ >= 0) close(stop_event_);
  stop_event_ = -1;
}

void Acceptor::Start(std::function<void(int)> take) {
  take_ = std::move(take);
  thread_ = std::thread([this] { Loop(); });
}

void Acceptor::Loop() {
  std::vector<pollfd> waited = {{stop_event_, POLLIN, 0}};
  for (const int listener : listeners_) waited.push_back({listener, POLLIN, 0});
  while (true) {
    if (poll(waited.data(), waited.size(), /*timeout=*/-1) < 0) continue;
    if (waited.front().revents != 0) return;
    for (size_t i = 1; i < waited.size(); ++i) {
      if (waited[i].revents != 0) Accept(waited[i].fd);
    }
  }
}

void Acceptor::Accept(int listener) {
  while (true) {
    const int connection = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (connection < 0) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (!IsOutOfDescriptors(errno)) return;
      Refuse(Refusal::kNoDescriptor);
      pollfd stop = {stop_event_, POLLIN, 0};
      poll(&stop, 1, kNoDescriptorWaitMs);
      return;
    }
    if (!HasRoom()) {
      Refuse(Refusal::kTooMany);  // counted by the time that the peer sees it
      close(connection);
      continue;
    }
    const int yes = 1;
    setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    struct stat file = {};
    fstat(connection, &file);
    {
      absl::MutexLock lock(&mu_);
      connections_[connection] = file.st_ino;
    }
    take_(connection);
  }
}

bool Acceptor::HasRoom() {
  const absl::Time now = Clock::Monotonic()->Now();
  absl::MutexLock lock(&mu_);
  if (connections_.size() >= options_.max_connections && now - looked_ >= kLookPeriod) {
    looked_ = now;
    ForgetClosedLocked();
  }
  return connections_.size() < options_.max_connections;
}

void Acceptor::ForgetClosedLocked() {
  for (auto it = connections_.begin(); it != connections_.end();) {
    struct stat file = {};
    const bool open = fstat(it->first, &file) == 0 && file.st_ino == it->second;
    it = open ? std::next(it) : connections_.erase(it);
  }
}

size_t Acceptor::connections() {
  absl::MutexLock lock(&mu_);
  ForgetClosedLocked();
  return connections_.size();
}

void Acceptor::Refuse(Refusal refusal) const {
  if (options_.on_refusal) options_.on_refusal(refusal);
}

}  // namespace snapvit
