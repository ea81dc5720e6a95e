// Sizes of batches that a GPU computes: there is a CUDA graph for few sizes only.
#ifndef SNAPVIT_CORE_ELASTIC_BATCH_BUCKET_H_
#define SNAPVIT_CORE_ELASTIC_BATCH_BUCKET_H_

#include <cstdint>

namespace snapvit {

// What a batch of `images`, 1 or more, is computed as: 1, 2, 3, 4, 6, 8, 12, 16, 24, … At most a
// third of it, rounded up, is in vain.
inline int64_t BatchBucket(int64_t images) {
  if (images <= 2) return images;
  int64_t power = 2;
  while (power * 2 <= images) power *= 2;
  if (images == power) return power;
  return images <= power + power / 2 ? power + power / 2 : 2 * power;
}

}  // namespace snapvit

#endif  // SNAPVIT_CORE_ELASTIC_BATCH_BUCKET_H_
