#include "server/embedding_encoder.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "server/small_float.h"

namespace snapvit {
namespace {

void Normalize(std::span<float> vector) {
  double squares = 0;
  for (const float value : vector) squares += static_cast<double>(value) * value;
  if (squares == 0) return;
  const double scale = 1 / std::sqrt(squares);
  for (float& value : vector) value = static_cast<float>(value * scale);
}

// The first `dimensions` components of each vector of `size` components.
std::vector<float> Truncate(std::span<const float> values, size_t size, size_t dimensions) {
  std::vector<float> kept;
  kept.reserve(values.size() / size * dimensions);
  for (size_t start = 0; start < values.size(); start += size) {
    const std::span<const float> vector = values.subspan(start, dimensions);
    kept.insert(kept.end(), vector.begin(), vector.end());
  }
  return kept;
}

void PackHalves(std::span<const float> values, uint16_t (*convert)(float), std::string* packed) {
  packed->reserve(2 * values.size());
  for (const float value : values) {
    const uint16_t bits = convert(value);
    packed->push_back(static_cast<char>(bits & 0xFF));
    packed->push_back(static_cast<char>(bits >> 8));
  }
}

// Returns the scale.
float PackInt8(std::span<const float> values, std::string* packed) {
  float largest = 0;
  for (const float value : values) largest = std::max(largest, std::abs(value));
  const float scale = largest / 127;
  packed->reserve(values.size());
  for (const float value : values) {
    const float element = scale > 0 ? std::nearbyint(value / scale) : 0;
    packed->push_back(static_cast<char>(static_cast<int8_t>(std::clamp(element, -127.0f, 127.0f))));
  }
  return scale;
}

}  // namespace

void EncodeEmbedding(std::span<const float> values, std::span<const int64_t> shape,
                     const OutputOptions& output, v1::Embedding* embedding) {
  const auto size = static_cast<size_t>(shape.back());
  const auto dimensions = static_cast<size_t>(output.dimensions);
  std::vector<float> kept = Truncate(values, size, dimensions);
  if (output.normalize) {
    for (size_t start = 0; start < kept.size(); start += dimensions) {
      Normalize(std::span(kept).subspan(start, dimensions));
    }
  }
  embedding->set_dtype(output.dtype);
  for (const int64_t length : shape.first(shape.size() - 1)) embedding->add_shape(length);
  embedding->add_shape(output.dimensions);
  switch (output.dtype) {
    case v1::DTYPE_FP16:
      PackHalves(kept, ToFp16, embedding->mutable_packed());
      break;
    case v1::DTYPE_BF16:
      PackHalves(kept, ToBf16, embedding->mutable_packed());
      break;
    case v1::DTYPE_INT8:
      embedding->set_scale(PackInt8(kept, embedding->mutable_packed()));
      break;
    default:
      embedding->mutable_values()->Add(kept.begin(), kept.end());
  }
}

}  // namespace snapvit
