// RequestPool: sends the requests of one call, several at a time, until all are done or one fails
// in a way that all others would.
#ifndef SNAPVIT_CLIENT_REQUEST_POOL_H_
#define SNAPVIT_CLIENT_REQUEST_POOL_H_

#include <functional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "client/request_split.h"

namespace snapvit::client {

// Sends one range and stores its results; the status is that of the request. Called from several
// threads at the same time with different ranges.
using SendRange = std::function<absl::Status(const ImageRange&)>;

// Runs `send` for every range on up to `threads` threads, the calling one among them, and returns
// one status per range. After a failure that would repeat itself, ranges that were not begun get
// the same status without being sent. Progress as in CallOptions. Blocks; joins its threads.
std::vector<absl::Status> SendAll(std::span<const ImageRange> ranges, int threads,
                                  const SendRange& send,
                                  const std::function<void(size_t done)>& on_progress);

}  // namespace snapvit::client

#endif  // SNAPVIT_CLIENT_REQUEST_POOL_H_
