// The last steps of an embedding: truncate, normalise, convert.
#ifndef SNAPVIT_SERVER_EMBEDDING_ENCODER_H_
#define SNAPVIT_SERVER_EMBEDDING_ENCODER_H_

#include <cstdint>
#include <span>

#include "server/output_options.h"
#include "snapvit/v1/inference.pb.h"

namespace snapvit {

// `values` of shape [D] or [patches, D], as the engine gives them. Every vector is cut to
// output.dimensions components, then scaled to length 1 if that is wanted (a zero vector stays
// zero), then converted. INT8 uses one scale for all of them: the largest magnitude becomes 127.
void EncodeEmbedding(std::span<const float> values, std::span<const int64_t> shape,
                     const OutputOptions& output, v1::Embedding* embedding);

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_EMBEDDING_ENCODER_H_
