#include "core/image/webp_container.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "core/image/byte_order.h"

namespace snapvit {
namespace {

constexpr size_t kRiffHeaderBytes = 12;
constexpr size_t kChunkHeaderBytes = 8;
constexpr size_t kFrameHeaderBytes = 16;

struct Chunk {
  const uint8_t* type;  // four characters
  std::span<const uint8_t> payload;
};

bool Is(const Chunk& chunk, const char* type) { return std::memcmp(chunk.type, type, 4) == 0; }

// Iterates over consecutive chunks; stops at one that is cut off.
class ChunkReader {
 public:
  explicit ChunkReader(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  std::optional<Chunk> Next() {
    if (bytes_.size() < kChunkHeaderBytes) return std::nullopt;
    const size_t size = ReadLittleEndian32(&bytes_[4]);
    if (size > bytes_.size() - kChunkHeaderBytes) return std::nullopt;
    const Chunk chunk = {bytes_.data(), bytes_.subspan(kChunkHeaderBytes, size)};
    const size_t padded = kChunkHeaderBytes + size + size % 2;
    bytes_ = bytes_.subspan(std::min(padded, bytes_.size()));
    return chunk;
  }

 private:
  std::span<const uint8_t> bytes_;
};

}  // namespace

std::span<const uint8_t> FindWebpExif(std::span<const uint8_t> bytes) {
  ChunkReader chunks(bytes.subspan(kRiffHeaderBytes));
  while (const std::optional<Chunk> chunk = chunks.Next()) {
    if (Is(*chunk, "EXIF")) return chunk->payload;
  }
  return {};
}

std::optional<WebpFrame> FindFirstWebpFrame(std::span<const uint8_t> bytes) {
  ChunkReader chunks(bytes.subspan(kRiffHeaderBytes));
  while (const std::optional<Chunk> chunk = chunks.Next()) {
    if (!Is(*chunk, "ANMF")) continue;
    const std::span<const uint8_t> frame = chunk->payload;
    if (frame.size() < kFrameHeaderBytes) return std::nullopt;
    ChunkReader parts(frame.subspan(kFrameHeaderBytes));
    while (const std::optional<Chunk> part = parts.Next()) {
      if (!Is(*part, "VP8 ") && !Is(*part, "VP8L")) continue;
      return WebpFrame{static_cast<int>(2 * ReadLittleEndian24(&frame[0])),
                       static_cast<int>(2 * ReadLittleEndian24(&frame[3])),
                       static_cast<int>(ReadLittleEndian24(&frame[6]) + 1),
                       static_cast<int>(ReadLittleEndian24(&frame[9]) + 1), part->payload};
    }
    return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace snapvit
