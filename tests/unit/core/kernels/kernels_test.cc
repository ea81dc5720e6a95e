// Attention, norms and conversion against the formulas in plain loops, in f64 on the same inputs.
#include "core/kernels/kernels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "tests/unit/core/kernels/kernels_testing.h"

namespace snapvit {
namespace {

TYPED_TEST_SUITE(KernelsTest, ElementTypes);

struct AttentionShape {
  int images, tokens, heads, head_dim, queries;
};

TYPED_TEST(KernelsTest, AttentionIsTheSoftmaxOfScoresTimesValues) {
  using T = TypeParam;
  const AttentionShape shapes[] = {{1, 1, 1, 2, 1},      {2, 17, 3, 8, 17},  {3, 65, 2, 32, 65},
                                   {1, 197, 2, 64, 197}, {2, 130, 3, 72, 1}, {2, 66, 2, 80, 2},
                                   {1, 70, 1, 128, 70}};
  for (const AttentionShape& shape : shapes) {
    const int64_t stride = int64_t{3} * shape.heads * shape.head_dim + 8;
    const int64_t width = int64_t{shape.heads} * shape.head_dim;
    // Scores of several units, so that softmax has something to decide.
    const std::vector<T> qkv = this->Values(shape.images * shape.tokens * stride, 1.5);
    this->WithThreads([&](const Parallel& parallel) {
      std::vector<T> out(shape.images * shape.queries * width, this->kNothing);
      this->kernels_->attention(
          AttentionCall<T>{qkv.data(), stride, shape.images, shape.tokens, shape.heads,
                           shape.head_dim, shape.queries, out.data(), width},
          parallel);
      for (int image = 0; image < shape.images; ++image) {
        const auto value = [&](int token, int head, int part, int d) -> double {
          const int64_t row = int64_t{image} * shape.tokens + token;
          return ToFloat(qkv[row * stride + (head * 3 + part) * shape.head_dim + d]);
        };
        for (int query = 0; query < shape.queries; ++query) {
          for (int head = 0; head < shape.heads; ++head) {
            std::vector<double> weights(shape.tokens);
            double sum = 0;
            for (int token = 0; token < shape.tokens; ++token) {
              double score = 0;
              for (int d = 0; d < shape.head_dim; ++d) {
                score += value(query, head, 0, d) * value(token, head, 1, d);
              }
              weights[token] = std::exp(score / std::sqrt(shape.head_dim));
              sum += weights[token];
            }
            for (int d = 0; d < shape.head_dim; ++d) {
              double expected = 0;
              for (int token = 0; token < shape.tokens; ++token) {
                expected += weights[token] / sum * value(token, head, 2, d);
              }
              const int64_t row = int64_t{image} * shape.queries + query;
              const float actual = ToFloat(out[row * width + head * shape.head_dim + d]);
              ASSERT_NEAR(actual, expected,
                          (sizeof(T) == 2 ? 0.01 : 1e-5) * (1 + std::abs(expected)))
                  << shape.tokens << " tokens, query " << query << ", head " << head;
            }
          }
        }
      }
    });
  }
}

TYPED_TEST(KernelsTest, LayerNormGivesMeanZeroAndDeviationOneBeforeScaleAndShift) {
  using T = TypeParam;
  for (const int dim : {1, 7, 24, 192, 769}) {
    constexpr int64_t kRows = 5;
    const int64_t stride = dim + 3;
    std::vector<float> x = this->Floats(kRows * stride);
    for (float& value : x) value = 3 * value + 20;  // a mean that matters
    const std::vector<float> weight = this->Floats(dim), bias = this->Floats(dim);
    this->WithThreads([&](const Parallel& parallel) {
      std::vector<float> out(kRows * stride);
      std::vector<T> stored(kRows * (dim + 1), this->kNothing);
      LayerNormCall<T> call = {x.data(), stride, kRows, dim, weight.data(), bias.data(), 1e-6};
      call.out_f32 = out.data();
      call.out_stride = stride;
      this->kernels_->layer_norm(call, parallel);
      call.out_f32 = nullptr;
      call.out = stored.data();
      call.out_stride = dim + 1;
      this->kernels_->layer_norm(call, parallel);
      for (int64_t r = 0; r < kRows; ++r) {
        double mean = 0, variance = 0;
        for (int i = 0; i < dim; ++i) mean += x[r * stride + i] / static_cast<double>(dim);
        for (int i = 0; i < dim; ++i) {
          variance += std::pow(x[r * stride + i] - mean, 2) / static_cast<double>(dim);
        }
        for (int i = 0; i < dim; ++i) {
          const double expected =
              (x[r * stride + i] - mean) / std::sqrt(variance + 1e-6) * weight[i] + bias[i];
          ASSERT_NEAR(out[r * stride + i], expected, 3e-5 * (1 + std::abs(expected))) << dim;
          ASSERT_NEAR(ToFloat(stored[r * (dim + 1) + i]), expected,
                      kStored<T> * std::abs(expected) + 3e-5);
        }
        if (dim % kValuesOfWord<T> != 0) {
          EXPECT_EQ(stored[r * (dim + 1) + dim], 0);
        }
      }
    });
  }
}

TYPED_TEST(KernelsTest, PositionNormsAndTurnsQueriesAndKeysAndLeavesValues) {
  using T = TypeParam;
  constexpr int kImages = 2, kTokens = 5, kHeads = 3, kDim = 8;
  constexpr int64_t kStride = 3 * kHeads * kDim;
  const std::vector<T> before = this->Values(kImages * kTokens * kStride);
  const std::vector<float> weight = this->Floats(kDim), bias = this->Floats(kDim);
  const std::vector<float> cos = this->Floats(kTokens * kDim), sin = this->Floats(kTokens * kDim);
  for (const bool norm : {false, true}) {
    this->WithThreads([&](const Parallel& parallel) {
      std::vector<T> qkv = before;
      PositionCall<T> call;
      call.qkv = qkv.data();
      call.stride = kStride;
      call.images = kImages;
      call.tokens = kTokens;
      call.heads = kHeads;
      call.head_dim = kDim;
      if (norm) {
        call.query_weight = weight.data();
        call.query_bias = bias.data();
      }
      call.eps = 1e-6;
      call.cos = cos.data();
      call.sin = sin.data();
      this->kernels_->position(call, parallel);
      for (int row = 0; row < kImages * kTokens; ++row) {
        for (int head = 0; head < kHeads; ++head) {
          for (int part = 0; part < 3; ++part) {
            const int64_t at = row * kStride + (head * 3 + part) * kDim;
            std::vector<double> x;
            for (int i = 0; i < kDim; ++i) x.push_back(ToFloat(before[at + i]));
            if (norm && part == 0) {
              double mean = 0, variance = 0;
              for (const double v : x) mean += v / kDim;
              for (const double v : x) variance += (v - mean) * (v - mean) / kDim;
              for (int i = 0; i < kDim; ++i) {
                x[i] = (x[i] - mean) / std::sqrt(variance + 1e-6) * weight[i] + bias[i];
              }
            }
            for (int i = 0; i < kDim; ++i) {
              const int other = (i + kDim / 2) % kDim;
              const int64_t place = row % kTokens * kDim + i;
              const double turned =
                  x[i] * cos[place] + (i < kDim / 2 ? -x[other] : x[other]) * sin[place];
              const double expected = part == 2 ? x[i] : turned;
              ASSERT_NEAR(ToFloat(qkv[at + i]), expected, kStored<T> * std::abs(expected) + 1e-5);
            }
          }
        }
      }
    });
  }
}

TYPED_TEST(KernelsTest, ConversionRoundsToNearestEven) {
  const std::vector<float> values = {0,     -0.0F,  1,     1.00390625F, 1.01171875F, -3.1415926F,
                                     65504, 1e-20F, 3e38F, 1.0039F,     7,           8,
                                     9,     10,     11,    12,          13.7F};
  this->WithThreads([&](const Parallel& /*parallel*/) {
    std::vector<TypeParam> out(values.size());
    this->kernels_->convert(values.data(), static_cast<int64_t>(values.size()), out.data());
    for (size_t i = 0; i < values.size(); ++i) {
      EXPECT_EQ(out[i], Rounded<TypeParam>(values[i])) << values[i];
    }
  });
}

}  // namespace
}  // namespace snapvit
