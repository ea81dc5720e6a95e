// How a long list of images is cut into requests of bounded size.
#ifndef SNAPVIT_CLIENT_REQUEST_SPLIT_H_
#define SNAPVIT_CLIENT_REQUEST_SPLIT_H_

#include <cstddef>
#include <span>
#include <vector>

namespace snapvit::client {

struct RequestLimits {
  size_t images = 16;        // of one request, at least 1
  size_t bytes = 3'500'000;  // of the images of one request; a single larger image goes alone
};

struct ImageRange {
  size_t first = 0;
  size_t count = 0;
  bool operator==(const ImageRange&) const = default;
};

// Consecutive ranges that cover images of `bytes[i]` bytes each, in order, none beyond the limits.
std::vector<ImageRange> SplitIntoRequests(std::span<const size_t> bytes,
                                          const RequestLimits& limits);

}  // namespace snapvit::client

#endif  // SNAPVIT_CLIENT_REQUEST_SPLIT_H_
