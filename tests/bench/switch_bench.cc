// What switching between rungs costs: a running server, one request at a time, one preprocessed
// image each. Rounds alternate between all rungs in random order and the one rung whose compute
// is nearest to their mean; every receipt's rung is checked. Prints the median of the rounds'
// throughput ratios, all rungs ÷ one rung, after correction for the difference of mean compute.
//
//   switch_bench HOST:PORT [ROUNDS]
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "snapvit/v1/inference.grpc.pb.h"
#include "snapvit/v1/models.grpc.pb.h"

namespace snapvit {
namespace {

constexpr int kPasses = 4;  // over the ladder, in each half of a round

class SwitchBench {
 public:
  explicit SwitchBench(const std::string& target) {
    // NOLINTNEXTLINE(*-insecure*): a bench on this machine.
    const auto channel = grpc::CreateChannel(target, grpc::InsecureChannelCredentials());
    inference_ = v1::Inference::NewStub(channel);
    grpc::ClientContext rpc;
    const grpc::Status status = v1::Models::NewStub(channel)->GetModel(&rpc, {}, &model_);
    if (!status.ok()) Fail(status.error_message());
    const std::vector<float> pixels(3 * model_.input_size(1) * model_.input_size(2), 0.1F);
    v1::Tensor* tensor = request_.add_images()->mutable_tensor();
    for (const uint32_t length : model_.input_size()) tensor->add_shape(length);
    tensor->set_data(pixels.data(), pixels.size() * sizeof(float));
    for (uint32_t rung = model_.floor_rung(); rung < rungs(); ++rung) ladder_.push_back(rung);
  }

  void Run(int rounds) {
    double mean = 0;
    for (const uint32_t rung : ladder_) mean += Compute(rung) / static_cast<double>(ladder_.size());
    const uint32_t one =
        *std::min_element(ladder_.begin(), ladder_.end(), [&](uint32_t a, uint32_t b) {
          return std::abs(Compute(a) - mean) < std::abs(Compute(b) - mean);
        });
    std::vector<uint32_t> mixed;
    for (int i = 0; i < kPasses; ++i) mixed.insert(mixed.end(), ladder_.begin(), ladder_.end());
    const std::vector<uint32_t> constant(mixed.size(), one);
    Time(mixed);  // warm-up
    std::vector<double> ratios;
    for (int i = 0; i < rounds; ++i) {
      std::shuffle(mixed.begin(), mixed.end(), random_);
      // Whichever comes first changes, so that a drift of the machine cancels.
      double mixed_time = i % 2 == 0 ? Time(mixed) : 0;
      const double constant_time = Time(constant);
      if (mixed_time == 0) mixed_time = Time(mixed);
      ratios.push_back(constant_time / mixed_time * (mean / Compute(one)));
    }
    std::sort(ratios.begin(), ratios.end());
    std::printf(
        "%zu rungs, mean compute %.4f; one rung %u, compute %.4f; %d rounds of %zu + %zu requests\n"
        "throughput, all rungs / one rung: median %.4f, quartiles %.4f .. %.4f\n",
        ladder_.size(), mean, one, Compute(one), rounds, mixed.size(), constant.size(),
        ratios[ratios.size() / 2], ratios[ratios.size() / 4], ratios[ratios.size() * 3 / 4]);
  }

 private:
  [[noreturn]] static void Fail(const std::string& message) {
    std::fprintf(stderr, "switch_bench: %s\n", message.c_str());
    std::exit(1);
  }

  uint32_t rungs() const { return static_cast<uint32_t>(model_.ladder_size()); }
  double Compute(uint32_t rung) const { return model_.ladder(static_cast<int>(rung)).compute(); }

  // Seconds for one request after the other.
  double Time(const std::vector<uint32_t>& sequence) {
    const auto start = std::chrono::steady_clock::now();
    for (const uint32_t rung : sequence) Request(rung);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }

  void Request(uint32_t rung) {
    request_.mutable_budget()->set_compute(Compute(rung));
    grpc::ClientContext rpc;
    const grpc::Status status = inference_->Embed(&rpc, request_, &response_);
    if (!status.ok()) Fail(status.error_message());
    if (response_.items(0).has_error()) Fail(response_.items(0).error().message());
    if (response_.items(0).receipt().rung() != rung) Fail("a receipt names another rung");
    response_.Clear();
  }

  std::unique_ptr<v1::Inference::Stub> inference_;
  v1::ModelInfo model_;
  v1::EmbedRequest request_;
  v1::EmbedResponse response_;
  std::vector<uint32_t> ladder_;
  std::mt19937_64 random_{42};
};

}  // namespace
}  // namespace snapvit

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("usage: switch_bench HOST:PORT [ROUNDS]\n", stderr);
    return 2;
  }
  snapvit::SwitchBench(argv[1]).Run(argc > 2 ? std::atoi(argv[2]) : 41);
  return 0;
}
