#include "client/cli/embedding_output.h"

#include <algorithm>
#include <cmath>
#include <span>

namespace snapvit::cli {
namespace {

void Normalize(std::span<float> vector) {
  double squares = 0;
  for (const float value : vector) squares += double{value} * value;
  if (squares == 0) return;
  const double scale = 1 / std::sqrt(squares);
  for (float& value : vector) value = static_cast<float>(value * scale);
}

}  // namespace

void ShapeEmbedding(uint32_t dimensions, bool normalize, client::Embedding& embedding) {
  const auto full = static_cast<size_t>(embedding.shape.back());
  const size_t kept = dimensions == 0 ? full : dimensions;
  const size_t vectors = embedding.values.size() / full;
  std::vector<float>& values = embedding.values;
  for (size_t i = 0; i < vectors; ++i) {
    // Rows only ever move towards the front, so that one pass in place is enough.
    std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(i * full), kept,
                values.begin() + static_cast<std::ptrdiff_t>(i * kept));
  }
  values.resize(vectors * kept);
  embedding.shape.back() = static_cast<int64_t>(kept);
  if (!normalize) return;
  for (size_t i = 0; i < vectors; ++i) Normalize(std::span(values).subspan(i * kept, kept));
}

}  // namespace snapvit::cli
