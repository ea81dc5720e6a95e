// Bounds on what a checkpoint may ask for. Far above every published ViT; they keep a hostile or
// damaged config.json from asking for absurd amounts of work before the first tensor is read.
#ifndef SNAPVIT_CORE_MODEL_MODEL_LIMITS_H_
#define SNAPVIT_CORE_MODEL_MODEL_LIMITS_H_

#include <cstddef>

namespace snapvit {

inline constexpr int kMaxDepth = 512;               // blocks
inline constexpr int kMaxExtent = 1 << 20;          // any dimension of a tensor
inline constexpr int kMaxImageSize = 1 << 13;       // pixels a side
inline constexpr int kMaxPatchSize = 1 << 10;       // pixels a side
inline constexpr size_t kMaxConfigBytes = 1 << 26;  // of config.json (label lists can be megabytes)

}  // namespace snapvit

#endif  // SNAPVIT_CORE_MODEL_MODEL_LIMITS_H_
