// The images that a load sends: files, or synthetic ones.
#ifndef SNAPVIT_CLIENT_CLI_BENCH_IMAGES_H_
#define SNAPVIT_CLIENT_CLI_BENCH_IMAGES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cli/bench_request.h"

namespace snapvit::cli {

// `source`: "tensors" (normalised noise: the server decodes and resizes nothing), "pixels" (RGB
// noise of the input size), or else a file or a folder of files, which are sent as they are. Some
// different images, by `seed`. INVALID_ARGUMENT, NOT_FOUND: no such files.
// REQUIRES: height and width are positive.
absl::StatusOr<std::vector<ImageSlice>> MakeBenchImages(const std::string& source, uint32_t height,
                                                        uint32_t width, uint64_t seed);

}  // namespace snapvit::cli

#endif  // SNAPVIT_CLIENT_CLI_BENCH_IMAGES_H_
