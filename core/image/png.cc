#include "core/image/png.h"

#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/image/byte_order.h"

namespace snapvit {
namespace {

constexpr size_t kSignatureBytes = 8;
constexpr size_t kChunkOverhead = 12;  // length 4, type 4, checksum 4
constexpr uint32_t kMaxSide = 1'000'000;

// What libpng's callbacks touch. Plain data: longjmp must not skip a destructor.
struct Stream {
  const uint8_t* data;
  size_t size;
  size_t at;
  bool at_end;  // libpng asked for more than there is
  std::jmp_buf jump;
  char message[160];
};

[[noreturn]] void ThrowError(png_structp png, png_const_charp message) {
  auto* stream = static_cast<Stream*>(png_get_error_ptr(png));
  std::snprintf(stream->message, sizeof(stream->message), "%s", message);
  std::longjmp(stream->jump, 1);
}

// libpng warns about ancillary chunks and the like; nothing that costs pixels.
void IgnoreWarning(png_structp, png_const_charp) {}

void ReadBytes(png_structp png, png_bytep to, size_t count) {
  auto* stream = static_cast<Stream*>(png_get_io_ptr(png));
  if (stream->size - stream->at < count) {
    stream->at_end = true;
    png_error(png, "unexpected end of data");
  }
  std::memcpy(to, stream->data + stream->at, count);
  stream->at += count;
}

// Owns one libpng reader. Each method that calls libpng sets its own jump target and keeps nothing
// but plain data on its stack; pixels are allocated between the calls, by the caller.
class PngReader {
 public:
  explicit PngReader(std::span<const uint8_t> bytes) {
    stream_.data = bytes.data();
    stream_.size = bytes.size();
  }
  ~PngReader() { png_destroy_read_struct(&png_, &info_, nullptr); }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;

  // Reads up to the pixels and asks for 8-bit RGB.
  bool Start() {
    if (setjmp(stream_.jump) != 0) return false;
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, &stream_, ThrowError, IgnoreWarning);
    if (png_ == nullptr) return false;
    info_ = png_create_info_struct(png_);
    if (info_ == nullptr) return false;
    png_set_read_fn(png_, &stream_, ReadBytes);
    png_set_user_limits(png_, kMaxSide, kMaxSide);
    // Only IHDR, PLTE, tRNS, IDAT and IEND: texts and profiles are neither inflated nor kept.
    png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
    png_read_info(png_, info_);
    png_set_strip_16(png_);
    png_set_expand(png_);  // palettes, and greys below 8 bits
    png_set_gray_to_rgb(png_);
    png_set_strip_alpha(png_);
    passes_ = png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
    return true;
  }

  // Rows lie width() * 3 bytes apart. The trailer is not read: a missing one costs no pixels.
  bool ReadPixels(uint8_t* rgb) {
    if (setjmp(stream_.jump) != 0) return false;
    const size_t row_bytes = png_get_rowbytes(png_, info_);
    for (int pass = 0; pass < passes_; ++pass) {
      for (png_uint_32 y = 0; y < png_get_image_height(png_, info_); ++y) {
        png_read_row(png_, rgb + row_bytes * y, nullptr);
      }
    }
    return true;
  }

  // Of the failed call.
  absl::Status Error() const {
    if (png_ == nullptr || info_ == nullptr)
      return absl::ResourceExhaustedError("PNG decoder: out of memory");
    return absl::InvalidArgumentError(
        absl::StrCat(stream_.at_end ? "PNG image is truncated: " : "PNG image cannot be decoded: ",
                     stream_.message, " at byte ", stream_.at, " of ", stream_.size));
  }

  uint32_t width() const { return png_get_image_width(png_, info_); }
  uint32_t height() const { return png_get_image_height(png_, info_); }
  size_t row_bytes() const { return png_get_rowbytes(png_, info_); }

 private:
  Stream stream_ = {};
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  int passes_ = 1;
};

}  // namespace

absl::StatusOr<ImageInfo> ReadPngInfo(std::span<const uint8_t> bytes) {
  constexpr size_t kIhdrEnd = kSignatureBytes + 8 + 13;
  if (bytes.size() < kIhdrEnd) {
    return absl::InvalidArgumentError(absl::StrCat("PNG image is truncated: ", bytes.size(),
                                                   " bytes, the signature and header alone have ",
                                                   kIhdrEnd));
  }
  const uint8_t* chunk = bytes.data() + kSignatureBytes;
  if (ReadBigEndian32(chunk) != 13 || std::memcmp(chunk + 4, "IHDR", 4) != 0) {
    return absl::InvalidArgumentError(
        "PNG image is damaged: its first chunk is not an IHDR of 13 bytes");
  }
  const uint32_t width = ReadBigEndian32(chunk + 8);
  const uint32_t height = ReadBigEndian32(chunk + 12);
  if (width == 0 || height == 0 || width > kMaxSide || height > kMaxSide) {
    return absl::InvalidArgumentError(absl::StrCat("PNG image is ", width, " x ", height,
                                                   "; both sides must be 1 to ", kMaxSide));
  }
  return ImageInfo{ImageFormat::kPng, static_cast<int>(width), static_cast<int>(height)};
}

absl::StatusOr<Image> DecodePng(std::span<const uint8_t> bytes, const ImageInfo& info) {
  PngReader reader(bytes);
  if (!reader.Start()) return reader.Error();
  Image image;
  image.width = info.width;
  image.height = info.height;
  const size_t row_bytes = size_t{3} * static_cast<size_t>(info.width);
  if (reader.width() != static_cast<uint32_t>(info.width) ||
      reader.height() != static_cast<uint32_t>(info.height) || reader.row_bytes() != row_bytes) {
    return absl::InternalError(absl::StrCat("PNG decoder gives rows of ", reader.row_bytes(),
                                            " bytes for a width of ", info.width, "; expected ",
                                            row_bytes));
  }
  image.rgb.resize(row_bytes * static_cast<size_t>(info.height));
  if (!reader.ReadPixels(image.rgb.data())) return reader.Error();
  return image;
}

std::span<const uint8_t> FindPngExif(std::span<const uint8_t> bytes) {
  size_t at = kSignatureBytes;
  while (at <= bytes.size() && bytes.size() - at >= kChunkOverhead) {
    const size_t length = ReadBigEndian32(&bytes[at]);
    if (length > bytes.size() - at - kChunkOverhead) break;
    if (std::memcmp(&bytes[at + 4], "eXIf", 4) == 0) return bytes.subspan(at + 8, length);
    at += kChunkOverhead + length;
  }
  return {};
}

}  // namespace snapvit
