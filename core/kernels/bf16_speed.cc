#include "core/kernels/bf16_speed.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "core/kernels/aligned.h"

namespace snapvit {
namespace {

// A layer of a small ViT, and its tokens; in the second cache.
constexpr int64_t kRows = 197, kInputs = 384, kOutputs = 1536;
constexpr int kRounds = 7;

template <typename T>
class TimedProduct {
 public:
  explicit TimedProduct(const Kernels<T>& kernels) : kernels_(kernels) {
    const std::vector<float> ones(kInputs * kOutputs, 1);
    std::vector<T> weights(ones.size());
    kernels.convert(ones.data(), static_cast<int64_t>(ones.size()), weights.data());
    weights_ = PackedMatrix<T>::Pack(weights.data(), kInputs, kOutputs, kOutputs, 1);
    rows_.assign(weights.begin(), weights.begin() + kRows * kInputs);
    out_.Reserve(kRows * kOutputs);
  }

  void Run() {
    GemmCall<T> call;
    call.rows = {rows_.data(), kInputs};
    call.row_count = kRows;
    call.weights = &weights_;
    call.inputs = kInputs;
    call.outputs = kOutputs;
    call.out = out_.data();
    call.out_stride = kOutputs;
    const auto run = [](absl::FunctionRef<void(int)> task) { task(0); };
    const auto start = std::chrono::steady_clock::now();
    kernels_.gemm({&call, 1}, {run, 1});
    least_ = std::min(
        least_, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  double least() const { return least_; }

 private:
  const Kernels<T>& kernels_;
  PackedMatrix<T> weights_;
  std::vector<T> rows_;
  AlignedVector<T> out_;
  double least_ = 1e9;  // seconds
};

}  // namespace

double MeasureBfloat16SpeedUp(const Kernels<BFloat16Bits>& bfloat16,
                              const Kernels<float>& float32) {
  TimedProduct<BFloat16Bits> of_bfloat16(bfloat16);
  TimedProduct<float> of_float32(float32);
  for (int round = 0; round < kRounds; ++round) {
    of_bfloat16.Run();
    of_float32.Run();
  }
  return of_float32.least() / of_bfloat16.least();
}

double Bfloat16SpeedUp() {
  const Kernels<BFloat16Bits>* const bfloat16 = CpuKernels<BFloat16Bits>();
  const Kernels<float>* const float32 = CpuKernels<float>();
  if (bfloat16 == nullptr || float32 == nullptr) return 0;
  static const double speed_up = MeasureBfloat16SpeedUp(*bfloat16, *float32);
  return speed_up;
}

}  // namespace snapvit
