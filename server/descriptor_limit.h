// How many files and connections this process may have open.
#ifndef SNAPVIT_SERVER_DESCRIPTOR_LIMIT_H_
#define SNAPVIT_SERVER_DESCRIPTOR_LIMIT_H_

#include <cstddef>

namespace snapvit {

// Raises the limit to `needed` as far as the system lets it; returns the limit that is in force.
size_t RaiseDescriptorLimit(size_t needed);

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_DESCRIPTOR_LIMIT_H_
