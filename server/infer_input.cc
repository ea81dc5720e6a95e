#include "server/infer_input.h"

#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/status_macros.h"

namespace snapvit {
namespace {

using Images = google::protobuf::RepeatedPtrField<v1::Image>;
using InputTensor = inference::ModelInferRequest::InferInputTensor;

constexpr char kBytes[] = "BYTES";
constexpr char kFp32[] = "FP32";
// KServe's client sends it with raw contents, whose size says the same.
constexpr char kBinaryDataSize[] = "binary_data_size";

std::string Shape(const InputTensor& input) {
  return absl::StrCat("[", absl::StrJoin(input.shape(), ", "), "]");
}

absl::Status BadInput(const InputTensor& input, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat("input ", input.name(), " ", what));
}

bool IsEncoded(const InputTensor& input) { return input.name() == kImageInput; }

// Whether `input` is one of the two that there are, by everything but its sizes.
absl::Status CheckForm(const InputTensor& input) {
  const bool encoded = IsEncoded(input);
  if (!encoded && input.name() != kPixelValuesInput) {
    return BadInput(input, "is not known, expected image or pixel_values");
  }
  const char* datatype = encoded ? kBytes : kFp32;
  if (input.datatype() != datatype) {
    return BadInput(input,
                    absl::StrCat("has datatype ", input.datatype(), ", expected ", datatype));
  }
  const int dimensions = input.shape_size();
  const bool fits =
      encoded ? dimensions == 1 || (dimensions == 2 && input.shape(1) == 1) : dimensions == 4;
  if (!fits) {
    return BadInput(input, absl::StrCat("has shape ", Shape(input), ", expected ",
                                        encoded ? "[N] or [N, 1]" : "[N, 3, H, W]"));
  }
  for (const auto& [name, parameter] : input.parameters()) {
    if (name == kBinaryDataSize) continue;
    return BadInput(input, absl::StrCat("has the parameter ", name,
                                        ", expected none: elements travel in the request"));
  }
  return absl::OkStatus();
}

absl::StatusOr<const InputTensor*> FindInput(const inference::ModelInferRequest& request) {
  if (request.inputs_size() != 1) {
    std::vector<std::string> names;
    for (const InputTensor& input : request.inputs()) names.push_back(input.name());
    return absl::InvalidArgumentError(
        absl::StrCat("request has the inputs [", absl::StrJoin(names, ", "),
                     "], expected one: image (BYTES [N]) or pixel_values (FP32 [N, 3, H, W])"));
  }
  RETURN_IF_ERROR(CheckForm(request.inputs(0)));
  return &request.inputs(0);
}

// Whether the elements come raw; in one form only.
absl::StatusOr<bool> IsRaw(const inference::ModelInferRequest& request) {
  if (request.raw_input_contents_size() == 0) return false;
  if (request.inputs(0).has_contents()) {
    return BadInput(request.inputs(0),
                    "has contents as well as raw_input_contents, expected one of both");
  }
  if (request.raw_input_contents_size() == 1) return true;
  return absl::InvalidArgumentError(absl::StrCat("request has ", request.raw_input_contents_size(),
                                                 " raw_input_contents for 1 input"));
}

// --- image ---

absl::Status WrongCount(const InputTensor& input, const std::string& count) {
  return BadInput(input, absl::StrCat("has ", count, " elements, expected ", input.shape(0),
                                      ", as its shape ", Shape(input), " says"));
}

// Each element is its length (uint32, little-endian) and its bytes.
absl::StatusOr<Images> SplitRawBytes(const InputTensor& input, std::string_view raw) {
  Images images;
  size_t offset = 0;
  while (offset < raw.size()) {
    if (images.size() == input.shape(0)) return WrongCount(input, "more");
    uint32_t length = 0;
    if (raw.size() - offset >= sizeof(length)) {
      std::memcpy(&length, raw.data() + offset, sizeof(length));
      offset += sizeof(length);
    } else {
      return BadInput(input, absl::StrCat("ends inside the length of element ", images.size()));
    }
    if (length > raw.size() - offset) {
      return BadInput(input, absl::StrCat("has only ", raw.size() - offset, " of the ", length,
                                          " bytes of element ", images.size()));
    }
    images.Add()->set_encoded(raw.data() + offset, length);
    offset += length;
  }
  if (images.size() < input.shape(0)) return WrongCount(input, absl::StrCat(images.size()));
  return images;
}

absl::StatusOr<Images> TakeBytes(InputTensor& input) {
  auto& contents = *input.mutable_contents()->mutable_bytes_contents();
  if (contents.size() != input.shape(0)) return WrongCount(input, absl::StrCat(contents.size()));
  Images images;
  for (std::string& encoded : contents) images.Add()->set_encoded(std::move(encoded));
  return images;
}

// --- pixel_values ---

// Bytes of one image; all of them have `all`.
absl::StatusOr<size_t> ImageBytes(const InputTensor& input, size_t all,
                                  const Preprocessing& preprocessing) {
  const int64_t expected[] = {3, preprocessing.height, preprocessing.width};
  size_t bytes = sizeof(float);
  for (int i = 0; i < 3; ++i) {
    bytes *= expected[i];
    if (input.shape(i + 1) == expected[i]) continue;
    return BadInput(input, absl::StrCat("has shape ", Shape(input), ", expected [N, ",
                                        absl::StrJoin(expected, ", "), "], the model's input"));
  }
  // By division: a shape may say anything.
  if (all % bytes == 0 && static_cast<int64_t>(all / bytes) == input.shape(0)) return bytes;
  return BadInput(input, absl::StrCat("has ", all, " bytes, expected ", bytes, " for each of its ",
                                      input.shape(0), " images"));
}

void AddTensor(const InputTensor& input, std::string data, Images& images) {
  v1::Tensor* tensor = images.Add()->mutable_tensor();
  tensor->set_dtype(v1::DTYPE_FP32);
  for (int i = 1; i < input.shape_size(); ++i) tensor->add_shape(input.shape(i));
  tensor->set_data(std::move(data));
}

// `elements`: all of them, as bytes.
absl::StatusOr<Images> SplitPixels(const InputTensor& input, std::string_view elements,
                                   const Preprocessing& preprocessing) {
  ASSIGN_OR_RETURN(const size_t bytes, ImageBytes(input, elements.size(), preprocessing));
  Images images;
  for (; !elements.empty(); elements.remove_prefix(bytes)) {
    AddTensor(input, std::string(elements.substr(0, bytes)), images);
  }
  return images;
}

// --- Both forms ---

absl::StatusOr<Images> SplitRaw(const InputTensor& input, std::string raw,
                                const Preprocessing& preprocessing) {
  if (IsEncoded(input)) return SplitRawBytes(input, raw);
  if (input.shape(0) != 1) return SplitPixels(input, raw, preprocessing);
  // The tensor as it is.
  RETURN_IF_ERROR(ImageBytes(input, raw.size(), preprocessing).status());
  Images images;
  AddTensor(input, std::move(raw), images);
  return images;
}

absl::StatusOr<Images> SplitTyped(InputTensor& input, const Preprocessing& preprocessing) {
  if (IsEncoded(input)) return TakeBytes(input);
  const auto& values = input.contents().fp32_contents();
  absl::StatusOr<Images> images = SplitPixels(
      input, {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)},
      preprocessing);
  input.clear_contents();
  return images;
}

}  // namespace

absl::StatusOr<int64_t> CountInferImages(const inference::ModelInferRequest& request) {
  ASSIGN_OR_RETURN(const InputTensor* const input, FindInput(request));
  return input->shape(0);
}

absl::StatusOr<Images> ReadInferImages(inference::ModelInferRequest& request,
                                       const Preprocessing& preprocessing) {
  RETURN_IF_ERROR(FindInput(request).status());
  ASSIGN_OR_RETURN(const bool raw, IsRaw(request));
  InputTensor& input = *request.mutable_inputs(0);
  if (!raw) return SplitTyped(input, preprocessing);
  return SplitRaw(input, std::move(*request.mutable_raw_input_contents(0)), preprocessing);
}

}  // namespace snapvit
