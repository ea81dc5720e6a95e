#include "core/image/jpeg.h"

// jpeglib.h needs FILE and size_t declared first.
#include <cstddef>
#include <cstdio>
// clang-format off
#include <jpeglib.h>
#include <jerror.h>
// clang-format on

#include <algorithm>
#include <csetjmp>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace snapvit {
namespace {

// A progressive file of a few kilobytes can ask for thousands of passes over all coefficients.
// Encoders write about ten.
constexpr int kMaxScans = 100;

constexpr int kTooManyScans = -1;  // an ErrorState::code of ours beside libjpeg's

// What libjpeg's callbacks write. Plain data: longjmp must not skip a destructor.
struct ErrorState {
  jpeg_error_mgr base;  // first, so that cinfo->err can be cast back
  std::jmp_buf jump;
  int code;
  char message[JMSG_LENGTH_MAX];
};

[[noreturn]] void ThrowError(j_common_ptr cinfo) {
  auto* error = reinterpret_cast<ErrorState*>(cinfo->err);
  error->code = error->base.msg_code;
  error->base.format_message(cinfo, error->message);
  std::longjmp(error->jump, 1);
}

// Warnings after which libjpeg would invent pixels.
bool LosesPixels(int warning) {
  switch (warning) {
    case JWRN_ARITH_BAD_CODE:
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_MUST_RESYNC:
      return true;
    default:
      return false;  // stray bytes, odd scan orders, unknown JFIF revisions: the pixels are there
  }
}

void EmitMessage(j_common_ptr cinfo, int level) {
  if (level == -1 && LosesPixels(cinfo->err->msg_code)) ThrowError(cinfo);
}

void IgnoreMessage(j_common_ptr) {}

void LimitScans(j_common_ptr common) {
  auto* cinfo = reinterpret_cast<j_decompress_ptr>(common);
  if (cinfo->input_scan_number <= kMaxScans) return;
  auto* error = reinterpret_cast<ErrorState*>(common->err);
  error->code = kTooManyScans;
  std::longjmp(error->jump, 1);
}

// Bytes in memory. Past their end an end-of-image marker follows, as libjpeg's own sources do, but
// without a warning: photos without that marker exist, and missing pixels are noticed by whoever
// needs them.
struct Source {
  jpeg_source_mgr base;  // first, so that cinfo->src can be cast back
  bool at_end;           // libjpeg asked for more than there is
};

void NothingToDo(j_decompress_ptr) {}

boolean SupplyEndOfImage(j_decompress_ptr cinfo) {
  static constexpr JOCTET kEndOfImage[] = {0xFF, JPEG_EOI};
  auto* source = reinterpret_cast<Source*>(cinfo->src);
  source->at_end = true;
  source->base.next_input_byte = kEndOfImage;
  source->base.bytes_in_buffer = sizeof(kEndOfImage);
  return TRUE;
}

void SkipInput(j_decompress_ptr cinfo, long count) {
  if (count <= 0) return;
  jpeg_source_mgr* source = cinfo->src;
  if (static_cast<size_t>(count) > source->bytes_in_buffer) {
    SupplyEndOfImage(cinfo);
    return;
  }
  source->next_input_byte += count;
  source->bytes_in_buffer -= static_cast<size_t>(count);
}

// Owns one libjpeg decompressor. Each method that calls libjpeg sets its own jump target and keeps
// nothing but plain data on its stack; buffers are allocated between the calls, by the caller.
class JpegReader {
 public:
  JpegReader() {
    std::memset(&cinfo_, 0, sizeof(cinfo_));
    cinfo_.err = jpeg_std_error(&error_.base);
    error_.base.error_exit = ThrowError;
    error_.base.emit_message = EmitMessage;
    error_.base.output_message = IgnoreMessage;
    source_.base.init_source = NothingToDo;
    source_.base.fill_input_buffer = SupplyEndOfImage;
    source_.base.skip_input_data = SkipInput;
    source_.base.resync_to_restart = jpeg_resync_to_restart;
    source_.base.term_source = NothingToDo;
  }
  ~JpegReader() { jpeg_destroy_decompress(&cinfo_); }  // also right if nothing was created
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;

  bool ReadHeader(std::span<const uint8_t> bytes) {
    if (setjmp(error_.jump) != 0) return false;
    jpeg_create_decompress(&cinfo_);
    progress_.progress_monitor = LimitScans;
    cinfo_.progress = &progress_;
    source_.base.next_input_byte = bytes.data();
    source_.base.bytes_in_buffer = bytes.size();
    cinfo_.src = &source_.base;
    jpeg_read_header(&cinfo_, TRUE);
    return true;
  }

  // CMYK stays CMYK for four components; all else becomes RGB. A file of several scans is read
  // whole here: it has no other sign of a missing scan than that the data ended.
  bool Start() {
    if (setjmp(error_.jump) != 0) return false;
    cinfo_.out_color_space = cinfo_.num_components == 4 ? JCS_CMYK : JCS_RGB;
    jpeg_start_decompress(&cinfo_);
    return !(source_.at_end && jpeg_has_multiple_scans(&cinfo_));
  }

  // Writes the next row: width * output_components() bytes.
  bool ReadRow(uint8_t* row) {
    if (setjmp(error_.jump) != 0) return false;
    JSAMPROW rows[1] = {row};
    jpeg_read_scanlines(&cinfo_, rows, 1);
    return true;
  }

  // Of the failed call.
  absl::Status Error() const {
    if (error_.code == kTooManyScans) {
      return absl::InvalidArgumentError(absl::StrCat("JPEG image has more than ", kMaxScans,
                                                     " scans; real files have about ten"));
    }
    if (error_.code == JERR_OUT_OF_MEMORY) {
      return absl::ResourceExhaustedError(absl::StrCat("JPEG decoder: ", error_.message));
    }
    const bool truncated = source_.at_end || error_.code == JWRN_HIT_MARKER;
    return absl::InvalidArgumentError(
        absl::StrCat("JPEG image ", truncated ? "is truncated" : "cannot be decoded", Progress(),
                     error_.code == 0 ? "" : ": ", error_.message));
  }

  int width() const { return static_cast<int>(cinfo_.image_width); }
  int height() const { return static_cast<int>(cinfo_.image_height); }
  int components() const { return cinfo_.num_components; }

 private:
  std::string Progress() const {
    if (cinfo_.image_height == 0) return "";
    return absl::StrCat(" after ", cinfo_.output_scanline, " of ", cinfo_.image_height, " rows");
  }

  jpeg_decompress_struct cinfo_;
  ErrorState error_ = {};
  Source source_ = {};
  jpeg_progress_mgr progress_ = {};
};

// a * b / 255, rounded, in Pillow's integer form.
int MultiplyDivide255(int a, int b) {
  const int product = a * b + 128;
  return ((product >> 8) + product) >> 8;
}

// One row of CMYK as libjpeg gives it. Pillow takes every 4-component JPEG as Adobe's inverted
// CMYK, marker or not, and then has RGB = (255 - K) - C * (255 - K) / 255.
void InvertedCmykToRgb(const uint8_t* cmyk, int width, uint8_t* rgb) {
  for (int x = 0; x < width; ++x, cmyk += 4, rgb += 3) {
    const int white = cmyk[3];  // 255 - K
    for (int c = 0; c < 3; ++c) {
      rgb[c] = static_cast<uint8_t>(std::max(white - MultiplyDivide255(255 - cmyk[c], white), 0));
    }
  }
}

absl::Status CheckHeader(const JpegReader& reader, const ImageInfo& info) {
  if (reader.width() != info.width || reader.height() != info.height) {
    return absl::InvalidArgumentError(absl::StrCat("JPEG image is damaged: its frame headers say ",
                                                   info.width, " x ", info.height, " and ",
                                                   reader.width(), " x ", reader.height()));
  }
  const int components = reader.components();
  if (components != 1 && components != 3 && components != 4) {
    return absl::InvalidArgumentError(absl::StrCat(
        "JPEG image has ", components, " components; expected 1 (grey), 3 (colour) or 4 (CMYK)"));
  }
  return absl::OkStatus();
}

// The pixels grow row by row in reserved, untouched memory: a large image of which the file has a
// few rows costs only those.
absl::Status ReadRows(JpegReader& reader, Image& image) {
  const size_t row_bytes = size_t{3} * static_cast<size_t>(image.width);
  const bool cmyk = reader.components() == 4;
  std::vector<uint8_t> cmyk_row(cmyk ? size_t{4} * static_cast<size_t>(image.width) : 0);
  image.rgb.reserve(row_bytes * static_cast<size_t>(image.height));
  for (int y = 0; y < image.height; ++y) {
    image.rgb.resize(image.rgb.size() + row_bytes);
    uint8_t* row = image.rgb.data() + image.rgb.size() - row_bytes;
    if (!reader.ReadRow(cmyk ? cmyk_row.data() : row)) return reader.Error();
    if (cmyk) InvertedCmykToRgb(cmyk_row.data(), image.width, row);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Image> DecodeJpeg(std::span<const uint8_t> bytes, const ImageInfo& info) {
  JpegReader reader;
  if (!reader.ReadHeader(bytes)) return reader.Error();
  if (absl::Status status = CheckHeader(reader, info); !status.ok()) return status;
  // Before the pixels are allocated: a progressive file is read whole here, and fails here if it is
  // cut off.
  if (!reader.Start()) return reader.Error();
  Image image;
  image.width = info.width;
  image.height = info.height;
  if (absl::Status status = ReadRows(reader, image); !status.ok()) return status;
  return image;
}

}  // namespace snapvit
