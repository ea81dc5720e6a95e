#include "core/image/resample_taps.h"

#include <algorithm>
#include <cmath>

namespace snapvit {
namespace {

double Bilinear(double x) {
  x = std::abs(x);
  return x < 1.0 ? 1.0 - x : 0.0;
}

// Keys' cubic convolution with a = -0.5.
double Bicubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

double Sinc(double x) {
  if (x == 0.0) return 1.0;
  x *= 3.14159265358979323846;
  return std::sin(x) / x;
}

double Lanczos(double x) { return -3.0 <= x && x < 3.0 ? Sinc(x) * Sinc(x / 3) : 0.0; }

struct Filter {
  double (*value)(double);
  double support;  // samples on either side
};

Filter GetFilter(Interpolation interpolation) {
  switch (interpolation) {
    case Interpolation::kBilinear:
      return {Bilinear, 1.0};
    case Interpolation::kBicubic:
      return {Bicubic, 2.0};
    case Interpolation::kLanczos:
      return {Lanczos, 3.0};
  }
  return {Bicubic, 2.0};
}

// Rounded half away from zero.
int32_t ToFixedPoint(double weight) {
  return static_cast<int32_t>((weight < 0 ? -0.5 : 0.5) + weight * (1 << kWeightBits));
}

}  // namespace

ResampleTaps MakeResampleTaps(int in, int64_t out, int64_t begin, int size,
                              Interpolation interpolation) {
  const Filter filter = GetFilter(interpolation);
  // Pillow's box is float; it matters for axes over 2^24 only.
  const double scale = static_cast<double>(static_cast<float>(in)) / static_cast<double>(out);
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
