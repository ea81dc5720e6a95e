// int8: products against sums of whole numbers, and what becomes of rows.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <span>
#include <vector>

#include "core/kernels/kernels.h"
#include "tests/unit/core/kernels/kernels_testing.h"

namespace snapvit {
namespace {

int64_t StrideOf(int64_t inputs) { return (inputs + 63) / 64 * 64; }

// Rows of int8 with their scales, of so many elements.
struct Rows {
  int64_t count, inputs;
  std::vector<int8_t> data = std::vector<int8_t>(count * StrideOf(inputs));
  std::vector<RowScale> scales = std::vector<RowScale>(count);

  int64_t stride() const { return StrideOf(inputs); }
  const int8_t* row(int64_t r) const { return data.data() + r * stride(); }
  Int8Rows out() { return {data.data(), stride(), scales.data()}; }
};

template <typename T>
class Int8Test : public KernelsTest<T> {
 protected:
  void SetUp() override {
    if (CpuInt8Kernels<T>() == nullptr) GTEST_SKIP() << "this processor has no kernels for int8";
  }

  // Runs `use` of every table with one thread, and with three.
  template <typename Use>
  void WithInt8(const Use& use) {
    for (const Int8Kernels<T>* kernels : AllCpuInt8Kernels<T>()) {
      SCOPED_TRACE(kernels->instruction_set);
      int8_ = kernels;
      this->WithThreadsOfTable(use);
    }
  }

  std::vector<int8_t> Bytes(size_t count) {
    std::vector<int8_t> bytes(count);
    for (int8_t& byte : bytes) {
      byte = static_cast<int8_t>(std::clamp(60 * this->random_.Normal(), -127.0, 127.0));
    }
    return bytes;
  }
  std::vector<float> Scales(size_t count) {
    std::vector<float> scales = this->Floats(count);
    for (float& scale : scales) scale = 0.001F * (0.1F + std::abs(scale));
    return scales;
  }
  Rows RandomRows(int64_t count, int64_t inputs) {
    Rows rows{count, inputs};
    for (int64_t r = 0; r < count; ++r) {
      const std::vector<int8_t> bytes = Bytes(inputs);
      std::copy(bytes.begin(), bytes.end(), rows.data.begin() + r * rows.stride());
      rows.scales[r].scale = 0.002F * static_cast<float>(1 + r % 7);
      for (const int8_t byte : bytes) rows.scales[r].excess += 128 * byte;
    }
    return rows;
  }

  const Int8Kernels<T>* int8_ = nullptr;  // the table whose turn it is
};

TYPED_TEST_SUITE(Int8Test, ElementTypes);

// Weights [inputs, outputs] with a scale for each output.
struct Weights {
  int64_t inputs, outputs;
  std::vector<int8_t> bytes;
  std::vector<float> scales;
  PackedMatrix<int8_t> packed =
      PackedMatrix<int8_t>::Pack(bytes.data(), inputs, outputs, outputs, 1);

  // Of the first inputs, as many as the rows have.
  double Product(const Rows& rows, int64_t r, int64_t o) const {
    int64_t sum = 0;
    for (int64_t i = 0; i < rows.inputs; ++i) {
      sum += int64_t{rows.row(r)[i]} * bytes[i * outputs + o];
    }
    return double{rows.scales[r].scale} * scales[o] * static_cast<double>(sum);
  }
};

template <typename T>
GemmCall<Int8<T>> CallOf(const Rows& rows, const Weights& weights, int64_t outputs) {
  GemmCall<Int8<T>> call;
  call.rows = {rows.data.data(), rows.stride(), rows.scales.data()};
  call.row_count = rows.count;
  call.weights = &weights.packed;
  call.weight_scales = weights.scales.data();
  call.inputs = rows.inputs;
  call.outputs = outputs;
  call.out_stride = weights.outputs;
  return call;
}

struct Shape {
  int64_t rows, inputs, outputs, used_inputs, used_outputs;
};

const Shape kShapes[] = {{1, 2, 3, 2, 3},          {15, 64, 64, 64, 64},    {16, 48, 200, 33, 129},
                         {17, 131, 70, 130, 70},   {197, 100, 130, 64, 65}, {5, 7, 300, 5, 257},
                         {35, 3300, 40, 3237, 33}, {600, 650, 5, 641, 5}};

TYPED_TEST(Int8Test, AProductIsTheExactSumOfThePrefixWithItsOutputs) {
  using T = TypeParam;
  for (const Shape& shape : kShapes) {
    const Rows rows = this->RandomRows(shape.rows, shape.used_inputs);
    const Weights weights = {shape.inputs, shape.outputs, this->Bytes(shape.inputs * shape.outputs),
                             this->Scales(shape.outputs)};
    const std::vector<float> bias = this->Floats(shape.outputs),
                             scale = this->Floats(shape.outputs);
    const std::vector<float> before = this->Floats(shape.rows * shape.outputs);
    std::vector<double> sums;
    for (int64_t r = 0; r < shape.rows; ++r) {
      for (int64_t o = 0; o < shape.used_outputs; ++o) {
        sums.push_back(weights.Product(rows, r, o) + bias[o]);
      }
    }
    GemmCall<Int8<T>> call = CallOf<T>(rows, weights, shape.used_outputs);
    call.bias = bias.data();
    for (const GemmActivation activation : kActivations) {
      this->WithInt8([&](const Parallel& parallel) {
        std::vector<T> out(shape.rows * shape.outputs, this->kNothing);
        GemmCall<Int8<T>> store = call;
        store.activation = activation;
        store.out = out.data();
        this->int8_->gemm({&store, 1}, parallel);
        for (int64_t at = 0; at < shape.rows * shape.outputs; ++at) {
          const int64_t r = at / shape.outputs, o = at % shape.outputs;
          if (o >= shape.used_outputs) {
            ASSERT_TRUE(Unwritten(out[at], this->kNothing)) << r << ", " << o;
            continue;
          }
          const double expected = Apply(activation, sums[r * shape.used_outputs + o]);
          ASSERT_NEAR(ToFloat(out[at]), expected, kStored<T> * std::abs(expected) + 4e-6)
              << r << ", " << o;
        }
      });
    }
    for (const float* scale_of : {static_cast<const float*>(nullptr), scale.data()}) {
      this->WithInt8([&](const Parallel& parallel) {
        std::vector<float> out = before;
        GemmCall<Int8<T>> add = call;
        add.residual = out.data();
        add.scale = scale_of;
        this->int8_->gemm({&add, 1}, parallel);
        for (int64_t at = 0; at < shape.rows * shape.outputs; ++at) {
          const int64_t r = at / shape.outputs, o = at % shape.outputs;
          const double factor = scale_of == nullptr ? 1 : scale_of[o];
          const double added =
              o < shape.used_outputs ? factor * sums[r * shape.used_outputs + o] : 0;
          ASSERT_NEAR(out[at], before[at] + added, 1e-5 * (1 + std::abs(added))) << r << ", " << o;
        }
      });
    }
  }
}

// The largest sums that there are: of a kind of multiplication that saturates they would be less.
TYPED_TEST(Int8Test, ExtremesDoNotSaturate) {
  using T = TypeParam;
  constexpr int64_t kInputs = 4096, kOutputs = 16;
  Rows rows{2, kInputs};
  std::fill_n(rows.data.begin(), rows.stride(), int8_t{127});
  std::fill_n(rows.data.begin() + rows.stride(), rows.stride(), int8_t{-127});
  for (int r = 0; r < 2; ++r) {
    rows.scales[r] = {1.0F / 1024, static_cast<int32_t>(128 * rows.row(r)[0] * kInputs)};
  }
  Weights weights = {kInputs, kOutputs, std::vector<int8_t>(kInputs * kOutputs, 127),
                     std::vector<float>(kOutputs, 1.0F / 1024)};
  this->WithInt8([&](const Parallel& parallel) {
    std::vector<T> out(2 * kOutputs);
    GemmCall<Int8<T>> call = CallOf<T>(rows, weights, kOutputs);
    call.out = out.data();
    this->int8_->gemm({&call, 1}, parallel);
    const double expected = 127.0 * 127 * kInputs / 1024 / 1024;
    for (int64_t o = 0; o < kOutputs; ++o) {
      ASSERT_NEAR(ToFloat(out[o]), expected, kStored<T> * expected);
      ASSERT_NEAR(ToFloat(out[kOutputs + o]), -expected, kStored<T> * expected);
    }
  });
}

TYPED_TEST(Int8Test, AGatedProductIsActivationOfGateTimesValue) {
  using T = TypeParam;
  constexpr int64_t kRows = 17, kInputs = 70, kUsedInputs = 67, kChannels = 100, kUsed = 81;
  const Rows rows = this->RandomRows(kRows, kUsedInputs);
  const Weights gates = {kInputs, kChannels, this->Bytes(kInputs * kChannels),
                         this->Scales(kChannels)};
  Weights values = {kInputs, kChannels, this->Bytes(kInputs * kChannels), this->Scales(kChannels)};
  values.packed = PackedMatrix<int8_t>::PackGated(gates.bytes.data(), values.bytes.data(), kInputs,
                                                  kChannels, kChannels, 1);
  const std::vector<float> gate_bias = this->Floats(kChannels), bias = this->Floats(kChannels);
  this->WithInt8([&](const Parallel& parallel) {
    std::vector<T> out(kRows * kChannels, this->kNothing);
    GemmCall<Int8<T>> call = CallOf<T>(rows, values, kUsed);
    call.gate_weight_scales = gates.scales.data();
    call.bias = bias.data();
    call.gate_bias = gate_bias.data();
    call.activation = GemmActivation::kSilu;
    call.out = out.data();
    this->int8_->gemm({&call, 1}, parallel);
    for (int64_t r = 0; r < kRows; ++r) {
      for (int64_t c = 0; c < kUsed; ++c) {
        const double gate = gates.Product(rows, r, c) + gate_bias[c];
        const double expected =
            Apply(GemmActivation::kSilu, gate) * (values.Product(rows, r, c) + bias[c]);
        ASSERT_NEAR(ToFloat(out[r * kChannels + c]), expected,
                    kStored<T> * std::abs(expected) + 4e-6);
      }
      ASSERT_TRUE(Unwritten(out[r * kChannels + kUsed], this->kNothing));
    }
  });
}

// Views with more or fewer inputs and outputs; one leaves panels out, one's rows are every third.
TYPED_TEST(Int8Test, CallsAtOnceGiveWhatEachGivesAlone) {
  using T = TypeParam;
  constexpr int64_t kInputs = 1000, kOutputs = 330;
  const Weights weights = {kInputs, kOutputs, this->Bytes(kInputs * kOutputs),
                           this->Scales(kOutputs)};
  struct Part {
    int64_t rows, inputs, outputs;
    bool residual;
  };
  const Part parts[] = {{45, 700, 10, false}, {600, 700, 300, false}, {2, 1000, 18, true},
                        {20, 999, 40, true},  {70, 66, 330, false},   {1, 2, 1, true}};
  std::vector<Rows> rows;
  for (const Part& part : parts) rows.push_back(this->RandomRows(part.rows, part.inputs));
  std::vector<GemmCall<Int8<T>>> calls;
  for (size_t i = 0; i < rows.size(); ++i) {
    calls.push_back(CallOf<T>(rows[i], weights, parts[i].outputs));
  }
  calls[1].period = 3;
  calls[1].from = 1;
  calls[1].until = 3;
  calls[4].rows.stride *= 3;
  calls[4].rows.scale_stride = 3;
  calls[4].row_count = 23;
  this->WithInt8([&](const Parallel& parallel) {
    std::vector<std::vector<T>> out(calls.size());
    std::vector<std::vector<float>> residual(calls.size());
    const auto run = [&](size_t first, size_t count) {
      for (size_t i = first; i < first + count; ++i) {
        out[i].assign(calls[i].row_count * kOutputs, this->kNothing);
        residual[i].assign(calls[i].row_count * kOutputs, 1);
        calls[i].residual = parts[i].residual ? residual[i].data() : nullptr;
        calls[i].out = parts[i].residual ? nullptr : out[i].data();
      }
      this->int8_->gemm(std::span<const GemmCall<Int8<T>>>(calls).subspan(first, count), parallel);
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
    EXPECT_TRUE(Unwritten(out[1][0], this->kNothing));
    EXPECT_FALSE(Unwritten(out[1][kPanel], this->kNothing));
    const double third_row = weights.Product(rows[4], 66, 5);
    EXPECT_NEAR(ToFloat(out[4][22 * kOutputs + 5]), third_row,
                kStored<T> * std::abs(third_row) + 4e-6);
  });
}

TYPED_TEST(Int8Test, ARowsLargestMagnitudeBecomes127) {
  using T = TypeParam;
  for (const int64_t inputs : {1, 7, 16, 63, 64, 197, 770}) {
    constexpr int64_t kRows = 17;
    const int64_t stride = inputs + 3;
    const std::vector<T> values = this->Values(kRows * stride, 3);
    this->WithInt8([&](const Parallel& parallel) {
      Rows rows{kRows, inputs};
      std::fill(rows.data.begin(), rows.data.end(), int8_t{99});
      this->int8_->quantize({values.data(), stride, kRows, inputs, rows.out()}, parallel);
      for (int64_t r = 0; r < kRows; ++r) {
        const float scale = rows.scales[r].scale;
        int largest = 0, sum = 0;
        for (int64_t i = 0; i < inputs; ++i) {
          const int byte = rows.row(r)[i];
          ASSERT_NEAR(scale * static_cast<float>(byte), ToFloat(values[r * stride + i]),
                      0.501 * scale);
          largest = std::max(largest, std::abs(byte));
          sum += byte;
        }
        ASSERT_EQ(largest, 127);
        ASSERT_EQ(rows.scales[r].excess, 128 * sum);
        for (int64_t i = inputs; i < (inputs + 3) / 4 * 4; ++i) ASSERT_EQ(rows.row(r)[i], 0);
      }
    });
  }
}

TYPED_TEST(Int8Test, ARowOfZerosIsZerosAndOneThatIsNotFiniteStaysSo) {
  using T = TypeParam;
  constexpr int64_t kInputs = 70;
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const float odd_values[] = {0, -0.0F, 1e-38F, kInfinity, -kInfinity, NAN};
  std::vector<T> values(std::size(odd_values) * kInputs, Rounded<T>(0));
  for (size_t r = 0; r < std::size(odd_values); ++r) {
    T* row = values.data() + r * kInputs;
    if (r > 2) std::fill_n(row, kInputs, Rounded<T>(1));
    row[kInputs - 1] = std::isnan(odd_values[r]) && sizeof(T) == 2 ? static_cast<T>(0x7FC0)
                                                                   : Rounded<T>(odd_values[r]);
  }
  const Weights weights = {kInputs, 3, this->Bytes(kInputs * 3), this->Scales(3)};
  this->WithInt8([&](const Parallel& parallel) {
    Rows rows{static_cast<int64_t>(std::size(odd_values)), kInputs};
    this->int8_->quantize({values.data(), kInputs, rows.count, kInputs, rows.out()}, parallel);
    std::vector<T> out(rows.count * 3);
    GemmCall<Int8<T>> call = CallOf<T>(rows, weights, 3);
    call.out = out.data();
    this->int8_->gemm({&call, 1}, parallel);
    for (int64_t r = 0; r < rows.count; ++r) {
      for (int64_t o = 0; o < 3; ++o) {
        const float value = ToFloat(out[r * 3 + o]);
        EXPECT_EQ(std::isnan(value), r >= 3) << r << ": " << value;
        EXPECT_TRUE(r >= 3 || value == 0) << r << ": " << value;
      }
    }
  });
}

TYPED_TEST(Int8Test, ANormsRowsAreTheFloat32OnesToHalfAStep) {
  using T = TypeParam;
  constexpr int64_t kRows = 9, kDim = 77;
  const std::vector<float> x = this->Floats(kRows * kDim), weight = this->Floats(kDim),
                           bias = this->Floats(kDim);
  LayerNormCall<T> call;
  call.x = x.data();
  call.stride = kDim;
  call.rows = kRows;
  call.dim = kDim;
  call.weight = weight.data();
  call.bias = bias.data();
  call.eps = 1e-6;
  this->WithInt8([&](const Parallel& parallel) {
    LayerNormCall<T> exact = call;
    std::vector<float> expected(kRows * kDim);
    exact.out_f32 = expected.data();
    exact.out_stride = kDim;
    CpuKernels<T>()->layer_norm(exact, parallel);
    Rows rows{kRows, kDim};
    this->int8_->layer_norm(call, rows.out(), parallel);
    for (int64_t r = 0; r < kRows; ++r) {
      const float scale = rows.scales[r].scale;
      for (int64_t i = 0; i < kDim; ++i) {
        ASSERT_NEAR(scale * static_cast<float>(rows.row(r)[i]), expected[r * kDim + i],
                    0.501 * scale);
      }
    }
  });
}

}  // namespace
}  // namespace snapvit
