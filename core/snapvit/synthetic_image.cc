#include "core/snapvit/synthetic_image.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/random.h"

namespace snapvit {
namespace {

constexpr std::array<const char*, 4> kNames = {"synthetic", "synthetic:leaves", "synthetic:noise",
                                               "synthetic:shapes"};

using Colour = std::array<double, 3>;

// A canvas of doubles in [0, 1], so that layers can be added before the one rounding to bytes.
struct Canvas {
  int height;
  int width;
  std::vector<Colour> pixels;

  Canvas(int h, int w) : height(h), width(w), pixels(static_cast<size_t>(h) * w) {}
  Colour& at(int y, int x) { return pixels[static_cast<size_t>(y) * width + x]; }
};

// Colours share their brightness more than they differ in hue, as in photographs.
Colour RandomColour(Random& random) {
  const double brightness = random.Uniform();
  Colour colour;
  for (double& channel : colour) {
    channel = std::clamp(brightness + 0.25 * random.Normal(), 0.0, 1.0);
  }
  return colour;
}

// Smooth noise in about [-1, 1]: bilinear interpolation of a random grid with `cell` pixels between
// its points.
std::vector<double> ValueNoise(int height, int width, double cell, Random& random) {
  const int rows = static_cast<int>(height / cell) + 2;
  const int columns = static_cast<int>(width / cell) + 2;
  std::vector<double> grid(static_cast<size_t>(rows) * columns);
  for (double& value : grid) value = random.Uniform(-1, 1);
  std::vector<double> noise(static_cast<size_t>(height) * width);
  const auto smooth = [](double t) { return t * t * (3 - 2 * t); };
  for (int y = 0; y < height; ++y) {
    const int row = static_cast<int>(y / cell);
    const double v = smooth(y / cell - row);
    for (int x = 0; x < width; ++x) {
      const int column = static_cast<int>(x / cell);
      const double u = smooth(x / cell - column);
      const double* corner = &grid[static_cast<size_t>(row) * columns + column];
      noise[static_cast<size_t>(y) * width + x] =
          (1 - v) * ((1 - u) * corner[0] + u * corner[1]) +
          v * ((1 - u) * corner[columns] + u * corner[columns + 1]);
    }
  }
  return noise;
}

// Adds noise whose amplitude is proportional to its wavelength raised to `exponent` (1: natural
// images).
void AddOctaveNoise(Canvas& canvas, double amplitude, double exponent, Random& random) {
  const double coarsest = std::max(canvas.height, canvas.width) / 2.0;
  for (double cell = coarsest; cell >= 1; cell /= 2) {
    const double scale = amplitude * std::pow(cell / coarsest, exponent);
    const std::vector<double> noise = ValueNoise(canvas.height, canvas.width, cell, random);
    const Colour tint = {random.Uniform(0.6, 1), random.Uniform(0.6, 1), random.Uniform(0.6, 1)};
    for (size_t i = 0; i < noise.size(); ++i) {
      for (int c = 0; c < 3; ++c) canvas.pixels[i][c] += scale * tint[c] * noise[i];
    }
  }
}

void FillGradient(Canvas& canvas, Random& random) {
  const Colour from = RandomColour(random);
  const Colour to = RandomColour(random);
  const double angle = random.Uniform(0, 2 * std::numbers::pi);
  const double dx = std::cos(angle) / canvas.width;
  const double dy = std::sin(angle) / canvas.height;
  for (int y = 0; y < canvas.height; ++y) {
    for (int x = 0; x < canvas.width; ++x) {
      const double t = std::clamp(
          0.5 + (x - canvas.width / 2.0) * dx + (y - canvas.height / 2.0) * dy, 0.0, 1.0);
      for (int c = 0; c < 3; ++c) canvas.at(y, x)[c] = (1 - t) * from[c] + t * to[c];
    }
  }
}

// An ellipse or rotated rectangle, flat or shaded across.
void DrawShape(Canvas& canvas, double radius, bool shaded, Random& random) {
  const Colour colour = RandomColour(random);
  const double centre_x = random.Uniform(0, canvas.width);
  const double centre_y = random.Uniform(0, canvas.height);
  const double angle = random.Uniform(0, std::numbers::pi);
  const double stretch = random.Uniform(0.5, 1);
  const bool rectangle = random.Uniform() < 0.4;
  const double shade = shaded ? random.Uniform(-0.4, 0.4) : 0;
  const double cosine = std::cos(angle);
  const double sine = std::sin(angle);
  const int top = std::max(0, static_cast<int>(centre_y - 1.5 * radius));
  const int bottom = std::min(canvas.height, static_cast<int>(centre_y + 1.5 * radius) + 1);
  const int left = std::max(0, static_cast<int>(centre_x - 1.5 * radius));
  const int right = std::min(canvas.width, static_cast<int>(centre_x + 1.5 * radius) + 1);
  for (int y = top; y < bottom; ++y) {
    for (int x = left; x < right; ++x) {
      const double u = ((x - centre_x) * cosine + (y - centre_y) * sine) / radius;
      const double v = ((y - centre_y) * cosine - (x - centre_x) * sine) / (radius * stretch);
      const bool inside = rectangle ? std::abs(u) < 1 && std::abs(v) < 1 : u * u + v * v < 1;
      if (!inside) continue;
      for (int c = 0; c < 3; ++c) canvas.at(y, x)[c] = colour[c] + shade * u;
    }
  }
}

void DrawDeadLeaves(Canvas& canvas, Random& random) {
  const double size = std::min(canvas.height, canvas.width);
  const double smallest = std::max(1.0, size / 40);
  const double largest = size / 2;
  FillGradient(canvas, random);
  const int leaves = 60 + random.Below(120);
  for (int i = 0; i < leaves; ++i) {
    // Density ∝ r^-3 between the smallest and the largest radius, by inversion.
    const double u = random.Uniform();
    const double radius = 1 / std::sqrt((1 - u) / (smallest * smallest) + u / (largest * largest));
    DrawShape(canvas, radius, /*shaded=*/random.Uniform() < 0.5, random);
  }
  AddOctaveNoise(canvas, random.Uniform(0.05, 0.2), random.Uniform(0.5, 1.2), random);
}

void DrawSpectralNoise(Canvas& canvas, Random& random) {
  const Colour base = RandomColour(random);
  std::fill(canvas.pixels.begin(), canvas.pixels.end(), base);
  AddOctaveNoise(canvas, random.Uniform(0.4, 0.9), random.Uniform(0.7, 1.3), random);
}

void DrawShapesOnGradient(Canvas& canvas, Random& random) {
  const double size = std::min(canvas.height, canvas.width);
  FillGradient(canvas, random);
  AddOctaveNoise(canvas, random.Uniform(0, 0.2), /*exponent=*/1, random);
  const int shapes = 1 + random.Below(8);
  for (int i = 0; i < shapes; ++i) {
    DrawShape(canvas, random.Uniform(size / 12, size / 2.5), /*shaded=*/true, random);
  }
  AddOctaveNoise(canvas, random.Uniform(0, 0.1), random.Uniform(0.3, 1), random);
}

SyntheticKind KindOf(SyntheticKind kind, size_t index) {
  if (kind != SyntheticKind::kMix) return kind;
  constexpr SyntheticKind kTurn[] = {SyntheticKind::kLeaves, SyntheticKind::kNoise,
                                     SyntheticKind::kShapes};
  return kTurn[index % 3];
}

}  // namespace

absl::StatusOr<SyntheticKind> ParseSyntheticKind(std::string_view name) {
  const auto found = std::find(kNames.begin(), kNames.end(), name);
  if (found != kNames.end()) return static_cast<SyntheticKind>(found - kNames.begin());
  return absl::InvalidArgumentError(absl::StrCat("there are no images named '", std::string(name),
                                                 "', expected one of ",
                                                 absl::StrJoin(kNames, ", ")));
}

std::string_view SyntheticName(SyntheticKind kind) { return kNames[static_cast<size_t>(kind)]; }

Image DrawSyntheticImage(SyntheticKind kind, int height, int width, uint64_t seed, size_t index) {
  Random random(seed, index);
  Canvas canvas(height, width);
  switch (KindOf(kind, index)) {
    case SyntheticKind::kLeaves:
      DrawDeadLeaves(canvas, random);
      break;
    case SyntheticKind::kNoise:
      DrawSpectralNoise(canvas, random);
      break;
    default:
      DrawShapesOnGradient(canvas, random);
  }
  Image image;
  image.height = height;
  image.width = width;
  image.rgb.reserve(canvas.pixels.size() * 3);
  for (const Colour& colour : canvas.pixels) {
    for (const double channel : colour) {
      image.rgb.push_back(static_cast<uint8_t>(std::clamp(channel, 0.0, 1.0) * 255 + 0.5));
    }
  }
  return image;
}

}  // namespace snapvit
