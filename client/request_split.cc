#include "client/request_split.h"

namespace snapvit::client {

std::vector<ImageRange> SplitIntoRequests(std::span<const size_t> bytes,
                                          const RequestLimits& limits) {
  std::vector<ImageRange> ranges;
  size_t used = 0;  // bytes of the last range
  for (size_t i = 0; i < bytes.size(); ++i) {
    const bool fits = !ranges.empty() && ranges.back().count < limits.images &&
                      used <= limits.bytes && bytes[i] <= limits.bytes - used;
    if (!fits) {
      ranges.push_back({i, 0});
      used = 0;
    }
    ++ranges.back().count;
    used += bytes[i];
  }
  return ranges;
}

}  // namespace snapvit::client
