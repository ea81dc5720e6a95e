// The kernels against the formulas in plain loops, in f64 on the same inputs.
#include "core/kernels/kernels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <span>
#include <thread>
#include <vector>

#include "core/base/random.h"

namespace snapvit {
namespace {

float ToFloat(BFloat16Bits bits) {
  const uint32_t word = uint32_t{bits} << 16;
  float value;
  std::memcpy(&value, &word, sizeof(value));
  return value;
}

BFloat16Bits ToBits(float value) {
  uint32_t word;
  std::memcpy(&word, &value, sizeof(word));
  return static_cast<BFloat16Bits>((word + 0x7FFF + (word >> 16 & 1)) >> 16);
}

float ToFloat(float value) { return value; }

template <typename T>
T Rounded(float value) {
  if constexpr (sizeof(T) == 2) {
    return ToBits(value);
  } else {
    return value;
  }
}

// Relative error of a result that is stored as T after sums in f32 in another order.
template <typename T>
constexpr double kStored = sizeof(T) == 2 ? 1.0 / 200 : 1e-5;

// Tests run all tables of a type that the processor has, one after another.
template <typename T>
class KernelsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (CpuKernels<T>() == nullptr) GTEST_SKIP() << "this processor has no kernels for the type";
  }

  std::vector<T> Values(size_t count, double scale = 1) {
    std::vector<T> values(count);
    for (T& value : values) value = Rounded<T>(static_cast<float>(scale * random_.Normal()));
    return values;
  }
  std::vector<float> Floats(size_t count) {
    std::vector<float> values(count);
    for (float& value : values) value = static_cast<float>(random_.Normal());
    return values;
  }

  // Runs `use` of every table with one thread, and with three.
  template <typename Use>
  void WithThreads(const Use& use) {
    for (const Kernels<T>* kernels : AllCpuKernels<T>()) {
      SCOPED_TRACE(kernels->instruction_set);
      kernels_ = kernels;
      WithThreadsOfTable(use);
    }
  }

  template <typename Use>
  void WithThreadsOfTable(const Use& use) {
    const auto alone = [](absl::FunctionRef<void(int)> task) { task(0); };
    use(Parallel{alone, 1});
    const auto three = [](absl::FunctionRef<void(int)> task) {
      std::vector<std::thread> threads;
      for (int i = 0; i < 3; ++i) threads.emplace_back([&task, i] { task(i); });
      for (std::thread& thread : threads) thread.join();
    };
    use(Parallel{three, 3});
  }

  Random random_{7, 0};
  static constexpr T kNothing = sizeof(T) == 2 ? T(0x7FC0) : T(1e30);  // what was not written
  const Kernels<T>* kernels_ = nullptr;                                // the table whose turn it is
};

using ElementTypes = ::testing::Types<BFloat16Bits, float>;
TYPED_TEST_SUITE(KernelsTest, ElementTypes);

template <typename T>
bool Unwritten(T value, T nothing) {
  return std::memcmp(&value, &nothing, sizeof(T)) == 0;
}

double Apply(GemmActivation activation, double x) {
  switch (activation) {
    case GemmActivation::kNone:
      return x;
    case GemmActivation::kGelu:
      return x * 0.5 * (1 + std::erf(x / std::sqrt(2)));
    case GemmActivation::kGeluTanh:
      return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case GemmActivation::kQuickGelu:
      return x / (1 + std::exp(-1.702 * x));
    case GemmActivation::kSilu:
      return x / (1 + std::exp(-x));
  }
  return x;
}

constexpr GemmActivation kActivations[] = {GemmActivation::kNone, GemmActivation::kGelu,
                                           GemmActivation::kGeluTanh, GemmActivation::kQuickGelu,
                                           GemmActivation::kSilu};

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

TYPED_TEST(KernelsTest, GemmIsTheProductOfThePrefixWithItsOutputs) {
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
    GemmCall<T> call;
    call.rows = {rows.data(), stride};
    call.row_count = shape.rows;
    call.weights = &packed;
    call.inputs = shape.used_inputs;
    call.outputs = shape.used_outputs;
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

TYPED_TEST(KernelsTest, AGatedGemmIsActivationOfGateTimesValue) {
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
    GemmCall<T> call;
    call.rows = {rows.data(), kInputs};
    call.row_count = kRows;
    call.weights = &packed;
    call.inputs = kInputs;
    call.outputs = kUsed;
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

TYPED_TEST(KernelsTest, GemmCanLeavePanelsOut) {
  using T = TypeParam;
  constexpr int64_t kRows = 9, kInputs = 16, kOutputs = 6 * 64;
  const std::vector<T> rows = this->Values(kRows * kInputs);
  const std::vector<T> weights = this->Values(kInputs * kOutputs);
  const PackedMatrix<T> packed =
      PackedMatrix<T>::Pack(weights.data(), kInputs, kOutputs, kOutputs, 1);
  std::vector<T> whole(kRows * kOutputs), parts(kRows * kOutputs, this->kNothing);
  this->WithThreads([&](const Parallel& parallel) {
    GemmCall<T> call;
    call.rows = {rows.data(), kInputs};
    call.row_count = kRows;
    call.weights = &packed;
    call.inputs = kInputs;
    call.outputs = kOutputs;
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
TYPED_TEST(KernelsTest, CallsAtOnceGiveWhatEachGivesAlone) {
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
  const Part parts[] = {{300, 700, 300, false, false},
                        {2, 2000, 18, true, false},
                        {70, 66, 330, false, true},
                        {33, 1200, 65, true, true},
                        {1, 2, 1, true, false}};
  std::vector<GemmCall<T>> calls;
  std::vector<std::vector<T>> inputs;
  for (const Part& part : parts) {
    inputs.push_back(this->Values(part.rows * part.inputs));
    GemmCall<T> call;
    call.rows = {inputs.back().data(), part.inputs};
    call.row_count = part.rows;
    call.weights = &packed;
    call.inputs = part.inputs;
    call.outputs = part.outputs;
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

// Values and their scales are such that bytes hold them.
TYPED_TEST(KernelsTest, ACompactMatrixExpandsToThePackedMatrixOfItsValues) {
  using T = TypeParam;
  for (const ScaleOf scale_of : {ScaleOf::kInput, ScaleOf::kOutput}) {
    PackedMatrix<T> expanded;
    for (const int64_t outputs : {84, 5}) {  // the second one in the memory of the first
      constexpr int64_t kInputs = 7;
      std::vector<BFloat16Bits> bits;
      std::vector<T> values;
      for (int64_t i = 0; i < kInputs; ++i) {
        for (int64_t o = 0; o < outputs; ++o) {
          const int64_t group = scale_of == ScaleOf::kInput ? i : o;
          const int64_t place = scale_of == ScaleOf::kInput ? o : i;
          // The largest of each scale is 127 steps; group 3 has nothing but zeros.
          const int64_t steps = group == 3 ? 0 : place == 0 ? -127 : (17 * i + 5 * o) % 255 - 127;
          const double step = std::exp2(static_cast<double>(group % 5) - 2);
          bits.push_back(ToBits(static_cast<float>(steps * step)));
          values.push_back(Rounded<T>(static_cast<float>(steps * step)));
        }
      }
      const auto packed = PackedMatrix<T>::Pack(values.data(), kInputs, outputs, outputs, 1);
      const auto compact =
          CompactMatrix<T>::Pack(bits.data(), kInputs, outputs, outputs, 1, scale_of);
      EXPECT_LE(compact.bytes(), packed.bytes() / 2 + 4 * 128);
      for (const Kernels<T>* kernels : AllCpuKernels<T>()) {
        SCOPED_TRACE(kernels->instruction_set);
        kernels->expand(compact, expanded);
        EXPECT_EQ(expanded.inputs(), kInputs);
        EXPECT_EQ(expanded.outputs(), outputs);
        for (int64_t panel = 0; panel * kPanel < outputs; ++panel) {
          ASSERT_EQ(expanded.panel_width(panel), packed.panel_width(panel));
          for (int64_t word = 0; word < packed.rows() * packed.panel_width(panel); ++word) {
            ASSERT_EQ(expanded.panel(panel)[word], packed.panel(panel)[word]);
          }
        }
      }
    }
  }
}

TEST(CompactMatrix, BytesAreOffByHalfAStepAtMost) {
  Random random(3, 0);
  constexpr int64_t kInputs = 33, kOutputs = 70;
  std::vector<BFloat16Bits> values(kInputs * kOutputs);
  for (BFloat16Bits& value : values) value = ToBits(static_cast<float>(random.Normal()));
  const auto compact = CompactMatrix<BFloat16Bits>::Pack(values.data(), kInputs, kOutputs, kOutputs,
                                                         1, ScaleOf::kOutput);
  for (const Kernels<BFloat16Bits>* kernels : AllCpuKernels<BFloat16Bits>()) {
    PackedMatrix<BFloat16Bits> expanded;
    kernels->expand(compact, expanded);
    for (int64_t i = 0; i < kInputs; ++i) {
      for (int64_t o = 0; o < kOutputs; ++o) {
        const uint32_t word =
            expanded.panel(o / kPanel)[i / 2 * expanded.panel_width(o / kPanel) + o % kPanel];
        const float actual = ToFloat(static_cast<BFloat16Bits>(i % 2 == 0 ? word : word >> 16));
        const float expected = ToFloat(values[i * kOutputs + o]);
        EXPECT_NEAR(actual, expected, 0.51 * compact.scales()[o] + std::abs(expected) / 256);
      }
    }
  }
}

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

TYPED_TEST(KernelsTest, TheLastPanelIsAsWideAsWhatIsLeft) {
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
      GemmCall<T> call;
      call.rows = {rows.data(), kStride};
      call.row_count = kRows;
      call.weights = &packed;
      call.inputs = kUsed;
      call.outputs = outputs;
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
