// The form in which an embedding is given out: fewer dimensions, unit length.
#ifndef SNAPVIT_CLIENT_CLI_EMBEDDING_OUTPUT_H_
#define SNAPVIT_CLIENT_CLI_EMBEDDING_OUTPUT_H_

#include <cstdint>

#include "client/result.h"

namespace snapvit::cli {

// Keeps the first `dimensions` components of every vector (0: all), then, if asked, scales each to
// Euclidean length 1 (a zero vector stays zero). REQUIRES: dimensions is at most the last size of
// the shape.
void ShapeEmbedding(uint32_t dimensions, bool normalize, client::Embedding& embedding);

}  // namespace snapvit::cli

#endif  // SNAPVIT_CLIENT_CLI_EMBEDDING_OUTPUT_H_
