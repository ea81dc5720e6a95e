#include "core/image/resample_taps.h"

#include <algorithm>
#include <cmath>

#include "core/image/resample_filter.h"

namespace snapvit {
namespace {

// Rounded half away from zero.
int32_t ToFixedPoint(double weight) {
  return static_cast<int32_t>((weight < 0 ? -0.5 : 0.5) + weight * (1 << kWeightBits));
}

// Pillow's box is float; it matters for axes over 2^24 only.
double Scale(int in, int64_t out) {
  return static_cast<double>(static_cast<float>(in)) / static_cast<double>(out);
}

// One sample of the whole weight. Pillow adds the scale up from pixel to pixel; a product would be
// rounded to another sample now and then.
ResampleTaps MakeNearestTaps(int in, int64_t out, int64_t begin, int size) {
  const double scale = Scale(in, out);
  double position = 0.5 * scale;
  for (int64_t i = 0; i < begin; ++i) position += scale;
  ResampleTaps taps;
  taps.stride = 2;
  taps.count.assign(static_cast<size_t>(size), 1);
  for (int i = 0; i < size; ++i, position += scale) {
    taps.first.push_back(std::min(static_cast<int>(position), in - 1));
    taps.weights.insert(taps.weights.end(), {1 << kWeightBits, 0});
  }
  return taps;
}

}  // namespace

ResampleTaps MakeResampleTaps(int in, int64_t out, int64_t begin, int size,
                              Interpolation interpolation) {
  if (interpolation == Interpolation::kNearest) return MakeNearestTaps(in, out, begin, size);
  const ResampleFilter filter = GetResampleFilter(interpolation);
  const double scale = Scale(in, out);
  const double filter_scale = std::max(scale, 1.0);
  const double inverse_filter_scale = 1.0 / filter_scale;
  const double support = filter.support * filter_scale;

  ResampleTaps taps;
  const int most = std::min(static_cast<int>(std::ceil(support)) * 2 + 1, in);
  taps.stride = static_cast<size_t>(most + most % 2);
  taps.first.reserve(static_cast<size_t>(size));
  taps.count.reserve(static_cast<size_t>(size));
  taps.weights.assign(taps.stride * static_cast<size_t>(size), 0);
  std::vector<double> weights(static_cast<size_t>(most));
  for (int i = 0; i < size; ++i) {
    const double center = (static_cast<double>(begin + i) + 0.5) * scale;
    const int first = std::max(static_cast<int>(center - support + 0.5), 0);
    const int count = std::min(static_cast<int>(center + support + 0.5), in) - first;
    double sum = 0.0;
    for (int k = 0; k < count; ++k) {
      weights[k] = filter.value((k + first - center + 0.5) * inverse_filter_scale);
      sum += weights[k];
    }
    int32_t* fixed = &taps.weights[taps.stride * static_cast<size_t>(i)];
    for (int k = 0; k < count; ++k) {
      fixed[k] = ToFixedPoint(sum != 0.0 ? weights[k] / sum : weights[k]);
    }
    taps.first.push_back(first);
    taps.count.push_back(count);
  }
  return taps;
}

}  // namespace snapvit
