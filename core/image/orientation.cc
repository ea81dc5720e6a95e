#include "core/image/orientation.h"

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace snapvit {
namespace {

// How an output pixel finds its source. With `transpose`, output (x, y) comes from stored (y, x),
// then the flips apply to stored coordinates.
struct Turn {
  bool transpose;
  bool flip_x;  // stored columns run right to left
  bool flip_y;  // stored rows run bottom to top
};

// EXIF 2 to 8. Index 0 is orientation 2.
constexpr Turn kTurns[] = {
    {false, true, false},  // 2: mirrored
    {false, true, true},   // 3: upside down
    {false, false, true},  // 4: upside down and mirrored
    {true, false, false},  // 5: transposed
    {true, false, true},   // 6: the camera lay on its left side: turn right
    {true, true, true},    // 7: transposed along the other diagonal
    {true, true, false},   // 8: turn left
};

}  // namespace

Image ApplyOrientation(Image image, int orientation) {
  if (orientation < 2 || orientation > 8) return image;
  const Turn turn = kTurns[orientation - 2];
  Image out;
  out.width = turn.transpose ? image.height : image.width;
  out.height = turn.transpose ? image.width : image.height;
  out.rgb.resize(image.rgb.size());

  // Walks the source by constant steps: moving one pixel right or one row down in the output.
  const ptrdiff_t column = turn.flip_x ? -3 : 3;
  const ptrdiff_t row = ptrdiff_t{image.width} * (turn.flip_y ? -3 : 3);
  const ptrdiff_t step_x = turn.transpose ? row : column;
  const ptrdiff_t step_y = turn.transpose ? column : row;
  const ptrdiff_t first = (turn.flip_x ? ptrdiff_t{image.width} - 1 : 0) * 3 +
                          (turn.flip_y ? ptrdiff_t{image.height} - 1 : 0) * image.width * 3;
  uint8_t* to = out.rgb.data();
  for (int y = 0; y < out.height; ++y) {
    ptrdiff_t from = first + y * step_y;
    for (int x = 0; x < out.width; ++x, from += step_x, to += 3)
      std::memcpy(to, &image.rgb[from], 3);
  }
  return out;
}

}  // namespace snapvit
