// The input tensors of the Open Inference Protocol as images.
#ifndef SNAPVIT_SERVER_INFER_INPUT_H_
#define SNAPVIT_SERVER_INFER_INPUT_H_

#include <google/protobuf/repeated_ptr_field.h>

#include <cstdint>

#include "absl/status/statusor.h"
#include "core/image/preprocessing.h"
#include "inference/grpc_service.pb.h"
#include "snapvit/v1/types.pb.h"

namespace snapvit {

// Names of the inputs.
inline constexpr char kImageInput[] = "image";               // BYTES [N] or [N, 1]: encoded files
inline constexpr char kPixelValuesInput[] = "pixel_values";  // FP32 [N, 3, H, W]: normalised

// N, as the shape says it. INVALID_ARGUMENT: not exactly one input, an unknown one, another
// datatype or number of dimensions.
absl::StatusOr<int64_t> CountInferImages(const inference::ModelInferRequest& request);

// The images, whose elements are taken out of `request`, so that they are held once;
// `preprocessing` gives the model's input size. INVALID_ARGUMENT as above, or: elements that are
// missing, given twice, or do not fit the shape.
absl::StatusOr<google::protobuf::RepeatedPtrField<v1::Image>> ReadInferImages(
    inference::ModelInferRequest& request, const Preprocessing& preprocessing);

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_INFER_INPUT_H_
