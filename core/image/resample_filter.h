// Pillow's resampling filters as functions (internal to resizing).
#ifndef SNAPVIT_CORE_IMAGE_RESAMPLE_FILTER_H_
#define SNAPVIT_CORE_IMAGE_RESAMPLE_FILTER_H_

#include "core/image/preprocessing.h"

namespace snapvit {

struct ResampleFilter {
  double (*value)(double);
  double support;  // samples on either side
};

// The same operations on doubles in the same order as Pillow. REQUIRES: not kNearest, which weighs
// nothing.
ResampleFilter GetResampleFilter(Interpolation interpolation);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_IMAGE_RESAMPLE_FILTER_H_
