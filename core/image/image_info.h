// ImageInfo: what the header of an encoded image says, before any pixel is decoded.
#ifndef SNAPVIT_CORE_IMAGE_IMAGE_INFO_H_
#define SNAPVIT_CORE_IMAGE_IMAGE_INFO_H_

namespace snapvit {

enum class ImageFormat { kJpeg, kPng, kWebp };

// "JPEG", "PNG" or "WebP".
const char* ImageFormatName(ImageFormat format);

struct ImageInfo {
  ImageFormat format = ImageFormat::kJpeg;
  int width = 0;   // pixels as stored, before any EXIF orientation; at least 1
  int height = 0;  // (of the canvas for an animation)
};

}  // namespace snapvit

#endif  // SNAPVIT_CORE_IMAGE_IMAGE_INFO_H_
