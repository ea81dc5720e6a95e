// What tests of the kernels have in common: random values of a type, and all tables in turn.
#ifndef SNAPVIT_TESTS_UNIT_CORE_KERNELS_KERNELS_TESTING_H_
#define SNAPVIT_TESTS_UNIT_CORE_KERNELS_KERNELS_TESTING_H_

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <thread>
#include <vector>

#include "core/base/random.h"
#include "core/kernels/kernels.h"

namespace snapvit {

inline float ToFloat(BFloat16Bits bits) {
  const uint32_t word = uint32_t{bits} << 16;
  float value;
  std::memcpy(&value, &word, sizeof(value));
  return value;
}

inline BFloat16Bits ToBits(float value) {
  uint32_t word;
  std::memcpy(&word, &value, sizeof(word));
  return static_cast<BFloat16Bits>((word + 0x7FFF + (word >> 16 & 1)) >> 16);
}

inline float ToFloat(float value) { return value; }

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
inline constexpr double kStored = sizeof(T) == 2 ? 1.0 / 200 : 1e-5;

inline double Apply(GemmActivation activation, double x) {
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

inline constexpr GemmActivation kActivations[] = {
    GemmActivation::kNone, GemmActivation::kGelu, GemmActivation::kGeluTanh,
    GemmActivation::kQuickGelu, GemmActivation::kSilu};

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

template <typename T>
bool Unwritten(T value, T nothing) {
  return std::memcmp(&value, &nothing, sizeof(T)) == 0;
}

}  // namespace snapvit

#endif  // SNAPVIT_TESTS_UNIT_CORE_KERNELS_KERNELS_TESTING_H_
