// The parts of a model that lose units, in their two numberings. As *structures*, in files and
// budget paths: the MLP of block b is b, its heads are depth + b. As *halves*, in the order in
// which a forward pass meets them: the attention of block b is 2·b, its MLP 2·b + 1.
#ifndef SNAPVIT_CORE_ELASTIC_STRUCTURE_H_
#define SNAPVIT_CORE_ELASTIC_STRUCTURE_H_

#include <cstddef>
#include <cstdint>

#include "core/elastic/keep_counts.h"

namespace snapvit {

inline bool IsMlp(int32_t structure, int depth) { return structure < depth; }
inline int BlockOf(int32_t structure, int depth) { return structure % depth; }

inline bool IsMlpHalf(size_t half) { return half % 2 == 1; }
inline size_t BlockOfHalf(size_t half) { return half / 2; }

inline int32_t StructureOfHalf(size_t half, int depth) {
  const auto block = static_cast<int32_t>(BlockOfHalf(half));
  return IsMlpHalf(half) ? block : depth + block;
}
inline size_t HalfOfStructure(int32_t structure, int depth) {
  return 2 * static_cast<size_t>(BlockOf(structure, depth)) + (IsMlp(structure, depth) ? 1 : 0);
}

// Units that are kept of a structure.
inline int& UnitsOf(KeepCounts& keep, int32_t structure) {
  const auto depth = static_cast<int>(keep.channels.size());
  const int block = BlockOf(structure, depth);
  return IsMlp(structure, depth) ? keep.channels[block] : keep.heads[block];
}
inline int UnitsOf(const KeepCounts& keep, int32_t structure) {
  const auto depth = static_cast<int>(keep.channels.size());
  const int block = BlockOf(structure, depth);
  return IsMlp(structure, depth) ? keep.channels[block] : keep.heads[block];
}

}  // namespace snapvit

#endif  // SNAPVIT_CORE_ELASTIC_STRUCTURE_H_
