#include "core/model/position_embedding.h"

#include <ATen/ops/_upsample_bicubic2d_aa.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/upsample_bicubic2d.h>
#include <ATen/ops/upsample_bilinear2d.h>
#include <ATen/ops/zeros.h>

#include <vector>

namespace snapvit {
namespace {

// [1, D, h, w] to another h and w.
at::Tensor Resample(PositionResampling resampling, const at::Tensor& grid,
                    const std::vector<int64_t>& size) {
  switch (resampling) {
    case PositionResampling::kBicubicAntialias:
      return at::_upsample_bicubic2d_aa(grid, size, /*align_corners=*/false);
    case PositionResampling::kBicubic:
      return at::upsample_bicubic2d(grid, size, /*align_corners=*/false);
    case PositionResampling::kBilinear:
      return at::upsample_bilinear2d(grid, size, /*align_corners=*/false);
  }
  return grid;
}

at::Tensor FitPatches(const VitConfig& config, const StoredPositions& stored,
                      const at::Tensor& patches) {
  if (stored.grid_height == config.grid_height() && stored.grid_width == config.grid_width()) {
    return patches;
  }
  const int64_t width = patches.size(1);
  const at::Tensor grid = patches.to(at::kFloat)
                              .view({1, stored.grid_height, stored.grid_width, width})
                              .permute({0, 3, 1, 2});
  return Resample(stored.resampling, grid, {config.grid_height(), config.grid_width()})
      .permute({0, 2, 3, 1})
      .reshape({-1, width})
      .to(patches.scalar_type());
}

}  // namespace

at::Tensor FitPositions(const VitConfig& config, const StoredPositions& stored,
                        const at::Tensor& rows) {
  const int64_t own = stored.prefix_rows;
  const at::Tensor patches = rows.narrow(/*dim=*/0, own, rows.size(0) - own);
  const at::Tensor fitted = FitPatches(config, stored, patches);
  const int64_t without = config.prefix_tokens() - own;
  if (fitted.is_same(patches) && without == 0) return rows.unsqueeze(0);
  const at::Tensor zeros = at::zeros({without, rows.size(1)}, rows.options());
  return at::cat({rows.narrow(/*dim=*/0, 0, own), zeros, fitted}).unsqueeze(0);
}

}  // namespace snapvit
