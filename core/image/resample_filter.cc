#include "core/image/resample_filter.h"

#include <cmath>

namespace snapvit {
namespace {

constexpr double kPi = 3.14159265358979323846;

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
  x *= kPi;
  return std::sin(x) / x;
}

double Lanczos(double x) { return -3.0 <= x && x < 3.0 ? Sinc(x) * Sinc(x / 3) : 0.0; }

double Box(double x) { return -0.5 < x && x <= 0.5 ? 1.0 : 0.0; }

double Hamming(double x) {
  x = std::abs(x);
  if (x == 0.0) return 1.0;
  if (x >= 1.0) return 0.0;
  x *= kPi;
  // Pillow's constants are float.
  return std::sin(x) / x * (0.54F + 0.46F * std::cos(x));
}

}  // namespace

ResampleFilter GetResampleFilter(Interpolation interpolation) {
  switch (interpolation) {
    case Interpolation::kBilinear:
      return {Bilinear, 1.0};
    case Interpolation::kLanczos:
      return {Lanczos, 3.0};
    case Interpolation::kBox:
      return {Box, 0.5};
    case Interpolation::kHamming:
      return {Hamming, 1.0};
    case Interpolation::kBicubic:
    case Interpolation::kNearest:
      break;
  }
  return {Bicubic, 2.0};
}

}  // namespace snapvit
