// The matrix product against the formula in plain loops, in f64 on the same inputs.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <span>
#include <vector>

#include "core/kernels/kernels.h"
#include "tests/unit/core/kernels/kernels_testing.h"

namespace snapvit {
namespace {

template <typename T>
class GemmTest : public KernelsTest<T> {};

TYPED_TEST_SUITE(GemmTest, ElementTypes);

struct GemmShape {
  int64_t rows, inputs, outputs;            // of the matrix
  int64_t used_inputs, used_outputs, more;  // of them used; inputs of the second product
};

const GemmShape kShapes[] = {{1, 2, 3, 2, 3, 0},
                             {6, 64, 64, 64, 64, 0},
                             {13, 48, 200, 33, 129, 0},
                             {200, 31, 70, 31, 70, 5},
                             {7, 100, 130, 64, 65, 16},
                             {5, 7, 300, 5, 257, 1},
                             // Long enough to be added in parts; more rows than stay in a cache.
                             {35, 1300, 20, 1237, 18, 9},
                             {600, 650, 5, 640, 5, 0}};

// Of the first inputs and outputs of the weights.
template <typename T>
GemmCall<T> CallOf(const std::vector<T>& rows, int64_t stride, int64_t row_count,
                   const PackedMatrix<T>& weights, int64_t inputs, int64_t outputs) {
  GemmCall<T> call;
  call.rows = {rows.data(), stride};
  call.row_count = row_count;
  call.weights = &weights;
  call.inputs = inputs;
  call.outputs = outputs;
  return call;
}

TYPED_TEST(GemmTest, GemmIsTheProductOfThePrefixWithItsOutputs) {
  using T = TypeParam;
  for (const GemmShape& shape : kShapes) {
    const int64_t stride = (shape.used_inputs + 1) / 2 * 2 + 4;
    std::vector<T> rows = this->Values(shape.rows * stride);
    const int64_t more_stride = (shape.more + 1) / 2 * 2;
    std::vector<T> more_rows = this->Values(shape.rows * more_stride + 2);
    for (int64_t r = 0; r < shape.rows; ++r) {  // what follows an odd row is zero, then anything
      for (int64_t i = shape.used_inputs; i < stride; ++i) rows[r * stride + i] = this->kNothing;
      rows[r * stride + shape.used_inputs] = 0;
      if (shape.more % 2 != 0) more_rows[r * more_stride + shape.more] = 0;
    }
    const double scale = 1 / std::sqrt(static_cast<double>(shape.used_inputs));
    const std::vector<T> weights = this->Values(shape.inputs * shape.outputs, scale);
    const std::vector<T> more = this->Values(shape.more * shape.outputs, scale);
    const PackedMatrix<T> packed =
        PackedMatrix<T>::Pack(weights.data(), shape.inputs, shape.outputs, shape.outputs, 1);
    const PackedMatrix<T> more_packed =
        PackedMatrix<T>::Pack(more.data(), shape.more, shape.outputs, shape.outputs, 1);
    const std::vector<float> bias = this->Floats(shape.outputs),
                             scales = this->Floats(shape.outputs);
    const std::vector<float> before = this->Floats(shape.rows * shape.outputs);
    const auto sum = [&](int64_t r, int64_t o) {
      double value = bias[o];
      for (int64_t i = 0; i < shape.used_inputs; ++i) {
        value += ToFloat(rows[r * stride + i]) * ToFloat(weights[i * shape.outputs + o]);
      }
      for (int64_t i = 0; i < shape.more; ++i) {
        value += ToFloat(more_rows[r * more_stride + i]) * ToFloat(more[i * shape.outputs + o]);
      }
      return value;
    };
    GemmCall<T> call =
        CallOf(rows, stride, shape.rows, packed, shape.used_inputs, shape.used_outputs);
    if (shape.more > 0) {
      call.more_rows = {more_rows.data(), more_stride};
      call.more_weights = &more_packed;
      call.more_inputs = shape.more;
    }
    call.bias = bias.data();
    call.out_stride = shape.outputs;
    for (const GemmActivation activation : kActivations) {
      this->WithThreads([&](const Parallel& parallel) {
        GemmCall<T> store = call;
        store.activation = activation;
        std::vector<T> out(shape.rows * shape.outputs, this->kNothing);
        store.out = out.data();
        this->kernels_->gemm({&store, 1}, parallel);
        for (int64_t r = 0; r < shape.rows; ++r) {
          for (int64_t o = 0; o < shape.outputs; ++o) {
            if (o >= shape.used_outputs) {
              ASSERT_TRUE(Unwritten(out[r * shape.outputs + o], this->kNothing)) << o;
              continue;
            }
            const float actual = ToFloat(out[r * shape.outputs + o]);
            const double expected = Apply(activation, sum(r, o));
            ASSERT_NEAR(actual, expected, kStored<T> * std::abs(expected) + 2e-6) << r << ", " << o;
          }
        }
      });
    }
    for (const float* scale_of : {static_cast<const float*>(nullptr), scales.data()}) {
      this->WithThreads([&](const Parallel& parallel) {
        GemmCall<T> add = call;
        std::vector<float> out = before;
        add.residual = out.data();
        add.scale = scale_of;
        this->kernels_->gemm({&add, 1}, parallel);
        for (int64_t r = 0; r < shape.rows; ++r) {
          for (int64_t o = 0; o < shape.outputs; ++o) {
            const int64_t at = r * shape.outputs + o;
            const double factor = scale_of == nullptr ? 1 : scale_of[o];
            const double expected = before[at] + (o < shape.used_outputs ? factor * sum(r, o) : 0);
            ASSERT_NEAR(out[at], expected, 1e-5 * (1 + std::abs(expected))) << r << ", " << o;
          }
        }
      });
    }
  }
}

// Sums that are the bias alone.
TYPED_TEST(GemmTest, ActivationsKeepTheirBoundsFarOutAndNansStayNans) {
  using T = TypeParam;
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> bias = {-5, -8, -20, -100, -1e4, 5, 8, 20, 100, 1e4, kNan};
  const auto outputs = static_cast<int64_t>(bias.size());
  const std::vector<T> rows(2, 0), weights(2 * outputs, 0);
  const PackedMatrix<T> packed = PackedMatrix<T>::Pack(weights.data(), 2, outputs, outputs, 1);
  for (const GemmActivation activation : kActivations) {
    this->WithThreads([&](const Parallel& parallel) {
      GemmCall<T> call = CallOf(rows, 2, 1, packed, 2, outputs);
      call.bias = bias.data();
      call.activation = activation;
      std::vector<T> out(outputs);
      call.out = out.data();
      call.out_stride = outputs;
      this->kernels_->gemm({&call, 1}, parallel);
      for (int64_t o = 0; o + 1 < outputs; ++o) {
        const double expected = Apply(activation, bias[o]);
        ASSERT_NEAR(ToFloat(out[o]), expected, kStored<T> * std::abs(expected) + 2e-6) << bias[o];
      }
      EXPECT_TRUE(std::isnan(ToFloat(out[outputs - 1])));
    });
  }
}

TYPED_TEST(GemmTest, AGatedGemmIsActivationOfGateTimesValue) {
  using T = TypeParam;
  constexpr int64_t kRows = 11, kInputs = 34, kChannels = 100, kUsed = 81;
  const std::vector<T> rows = this->Values(kRows * kInputs);
  const std::vector<T> gate = this->Values(kInputs * kChannels, 0.2);
  const std::vector<T> value = this->Values(kInputs * kChannels, 0.2);
  const std::vector<float> gate_bias = this->Floats(kChannels), bias = this->Floats(kChannels);
  const PackedMatrix<T> packed =
      PackedMatrix<T>::PackGated(gate.data(), value.data(), kInputs, kChannels, kChannels, 1);
  this->WithThreads([&](const Parallel& parallel) {
    std::vector<T> out(kRows * kChannels, this->kNothing);
    GemmCall<T> call = CallOf(rows, kInputs, kRows, packed, kInputs, kUsed);
    call.bias = bias.data();
    call.gate_bias = gate_bias.data();
    call.activation = GemmActivation::kSilu;
    call.out = out.data();
    call.out_stride = kChannels;
    this->kernels_->gemm({&call, 1}, parallel);
    for (int64_t r = 0; r < kRows; ++r) {
      for (int64_t c = 0; c < kChannels; ++c) {
        if (c >= kUsed) {
          ASSERT_TRUE(Unwritten(out[r * kChannels + c], this->kNothing));
          continue;
        }
        const float actual = ToFloat(out[r * kChannels + c]);
        double g = gate_bias[c], v = bias[c];
        for (int64_t i = 0; i < kInputs; ++i) {
          g += ToFloat(rows[r * kInputs + i]) * ToFloat(gate[i * kChannels + c]);
          v += ToFloat(rows[r * kInputs + i]) * ToFloat(value[i * kChannels + c]);
        }
        const double expected = Apply(GemmActivation::kSilu, g) * v;
        ASSERT_NEAR(actual, expected, kStored<T> * std::abs(expected) + 2e-6);
      }
    }
  });
}

TYPED_TEST(GemmTest, GemmCanLeavePanelsOut) {
  using T = TypeParam;
  constexpr int64_t kRows = 9, kInputs = 16, kOutputs = 6 * 64;
  const std::vector<T> rows = this->Values(kRows * kInputs);
  const std::vector<T> weights = this->Values(kInputs * kOutputs);
  const PackedMatrix<T> packed =
      PackedMatrix<T>::Pack(weights.data(), kInputs, kOutputs, kOutputs, 1);
  std::vector<T> whole(kRows * kOutputs), parts(kRows * kOutputs, this->kNothing);
  this->WithThreads([&](const Parallel& parallel) {
    GemmCall<T> call = CallOf(rows, kInputs, kRows, packed, kInputs, kOutputs);
    call.out = whole.data();
    call.out_stride = kOutputs;
    this->kernels_->gemm({&call, 1}, parallel);
    call.period = 3;
    call.from = 1;
    call.until = 3;
    call.out = parts.data();
    this->kernels_->gemm({&call, 1}, parallel);
    for (int64_t i = 0; i < kRows * kOutputs; ++i) {
      const bool left_out = i % kOutputs / 64 % 3 == 0;
      ASSERT_EQ(parts[i], left_out ? this->kNothing : whole[i]) << i;
    }
  });
}

// What images of several views have of the same weights: more or fewer inputs and outputs.
TYPED_TEST(GemmTest, CallsAtOnceGiveWhatEachGivesAlone) {
  using T = TypeParam;
  constexpr int64_t kInputs = 2000, kOutputs = 330;
  const std::vector<T> weights = this->Values(kInputs * kOutputs, 0.02);
  const PackedMatrix<T> packed =
      PackedMatrix<T>::Pack(weights.data(), kInputs, kOutputs, kOutputs, 1);
  const std::vector<T> more = this->Values(5 * kOutputs);
  const PackedMatrix<T> more_packed = PackedMatrix<T>::Pack(more.data(), 5, kOutputs, kOutputs, 1);
  struct Part {
    int64_t rows, inputs, outputs;
    bool residual, more;
  };
  // Some have the same inputs, and one so few rows that a block of them has none of its own.
  const Part parts[] = {{45, 700, 10, false, false},  {600, 700, 300, false, false},
                        {50, 700, 120, false, false}, {2, 2000, 18, true, false},
                        {20, 2000, 40, true, false},  {70, 66, 330, false, true},
                        {33, 1200, 65, true, true},   {1, 2, 1, true, false}};
  std::vector<GemmCall<T>> calls;
  std::vector<std::vector<T>> inputs;
  for (const Part& part : parts) {
    inputs.push_back(this->Values(part.rows * part.inputs));
    GemmCall<T> call =
        CallOf(inputs.back(), part.inputs, part.rows, packed, part.inputs, part.outputs);
    if (part.more) {
      call.more_rows = {inputs[0].data(), 6};
      call.more_weights = &more_packed;
      call.more_inputs = 4;
    }
    call.out_stride = part.outputs;
    calls.push_back(call);
  }
  this->WithThreads([&](const Parallel& parallel) {
    std::vector<std::vector<T>> out(calls.size());
    std::vector<std::vector<float>> residual(calls.size());
    const auto run = [&](size_t first, size_t count) {
      for (size_t i = first; i < first + count; ++i) {
        const size_t size = calls[i].row_count * calls[i].outputs;
        out[i].assign(size, this->kNothing);
        residual[i].assign(size, 1);
        if (parts[i].residual) {
          calls[i].residual = residual[i].data();
        } else {
          calls[i].out = out[i].data();
        }
      }
      this->kernels_->gemm(std::span<const GemmCall<T>>(calls).subspan(first, count), parallel);
    };
    for (size_t i = 0; i < calls.size(); ++i) run(i, 1);
    const auto expected_out = out;
    const auto expected_residual = residual;
    run(0, calls.size());
    EXPECT_EQ(residual, expected_residual);
    for (size_t i = 0; i < calls.size(); ++i) {
      EXPECT_EQ(std::memcmp(out[i].data(), expected_out[i].data(), out[i].size() * sizeof(T)), 0)
          << i;
    }
  });
}

// Rows are taken in blocks, and some calls have fewer tiles of rows than there are blocks.
TYPED_TEST(GemmTest, FewRowsBesideManyGiveWhatTheyGiveAlone) {
  using T = TypeParam;
  constexpr int64_t kInputs = 768, kOutputs = 200, kMany = 1000, kFew = 6;
  const std::vector<T> weights = this->Values(kInputs * kOutputs, 0.02);
  const PackedMatrix<T> packed =
      PackedMatrix<T>::Pack(weights.data(), kInputs, kOutputs, kOutputs, 1);
  const std::vector<T> rows = this->Values(kMany * kInputs);
  this->WithThreads([&](const Parallel& parallel) {
    std::vector<T> alone(kFew * kOutputs), beside(kFew * kOutputs), many(kMany * kOutputs);
    GemmCall<T> few = CallOf(rows, kInputs, kFew, packed, kInputs, kOutputs);
    few.out = alone.data();
    few.out_stride = kOutputs;
    this->kernels_->gemm({&few, 1}, parallel);
    GemmCall<T> calls[] = {CallOf(rows, kInputs, kMany, packed, kInputs, kOutputs), few};
    calls[0].out = many.data();
    calls[0].out_stride = kOutputs;
    calls[1].out = beside.data();
    this->kernels_->gemm(std::span<const GemmCall<T>>(calls), parallel);
    EXPECT_EQ(beside, alone);
  });
}

TYPED_TEST(GemmTest, TheLastPanelIsAsWideAsWhatIsLeft) {
  using T = TypeParam;
  for (const int64_t outputs : {1, 5, 13, 16, 23, 48, 69, 100}) {
    constexpr int64_t kRows = 8, kInputs = 46, kUsed = 37;
    constexpr int64_t kStride = 48;
    std::vector<T> rows = this->Values(kRows * kStride);
    for (int64_t r = 0; r < kRows; ++r) rows[r * kStride + kUsed] = 0;
    const std::vector<T> weights = this->Values(kInputs * outputs, 0.2);
    const auto packed = PackedMatrix<T>::Pack(weights.data(), kInputs, outputs, outputs, 1);
    EXPECT_LE(packed.bytes(), 4 * (packed.rows() * (outputs + 12) + kPanelStep));
    std::vector<T> out(kRows * outputs);
    this->WithThreads([&](const Parallel& parallel) {
      GemmCall<T> call = CallOf(rows, kStride, kRows, packed, kUsed, outputs);
      call.out = out.data();
      call.out_stride = outputs;
      this->kernels_->gemm({&call, 1}, parallel);
      for (int64_t r = 0; r < kRows; ++r) {
        for (int64_t o = 0; o < outputs; ++o) {
          double expected = 0;
          for (int64_t i = 0; i < kUsed; ++i) {
            expected += ToFloat(rows[r * kStride + i]) * ToFloat(weights[i * outputs + o]);
          }
          ASSERT_NEAR(ToFloat(out[r * outputs + o]), expected,
                      kStored<T> * std::abs(expected) + 2e-6);
        }
      }
    });
  }
}

}  // namespace
}  // namespace snapvit
