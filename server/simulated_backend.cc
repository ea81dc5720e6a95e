#include "server/simulated_backend.h"

#include <sys/prctl.h>
#include <time.h>

#include <algorithm>
#include <bit>
#include <map>
#include <utility>

#include "core/engine/engine.h"
#include "server/image_task.h"

namespace snapvit {
namespace {

// Of a sleep's end: what a wake-up takes on a busy machine.
constexpr absl::Duration kSpin = absl::Microseconds(80);
// No batch is faster than this share of its profiled time, whatever the jitter.
constexpr double kFastest = 0.5;
constexpr size_t kHashedPixels = 64;

// The clock's times mean nothing to the system; what is left until then does.
void SleepUntil(const Clock& clock, absl::Time end) {
  const absl::Duration left = end - clock.Now() - kSpin;
  if (left > absl::ZeroDuration()) {
    timespec wake = {};
    clock_gettime(CLOCK_MONOTONIC, &wake);
    wake = absl::ToTimespec(absl::DurationFromTimespec(wake) + left);
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &wake, nullptr) != 0) {
    }
  }
  while (clock.Now() < end) {
  }
}

// Equal for equal images: of pixels all over the image.
uint64_t HashOf(std::span<const float> pixels) {
  uint64_t hash = pixels.size();
  const size_t step = std::max<size_t>(1, pixels.size() / kHashedPixels);
  for (size_t i = 0; i < pixels.size(); i += step) {
    hash = Random(hash, std::bit_cast<uint32_t>(pixels[i])).Bits();
  }
  return hash;
}

void Fill(Random& random, int count, std::vector<float>& values) {
  values.resize(count);
  for (float& value : values) value = static_cast<float>(random.Uniform(-1, 1));
}

}  // namespace

SimulatedBackend::SimulatedBackend(Options options)
    : options_([&options] {
        if (!options.wait_until) {
          options.wait_until = [clock = options.clock](absl::Time end) { SleepUntil(*clock, end); };
        }
        return std::move(options);
      }()) {
  for (int worker = 0; worker < options_.workers; ++worker) randoms_.emplace_back(1, worker);
}

void SimulatedBackend::StartWorker(int /*worker*/) {
  // The default of 50 µs is a share of a small model's batch. Worse sleeps are no failure.
  prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
}

absl::Duration SimulatedBackend::BatchTime(int worker, std::span<const Assignment> batch) {
  std::map<int, int> sizes;  // by rung
  for (const Assignment& assignment : batch) ++sizes[assignment.rung];
  absl::Duration time;
  for (const auto& [rung, size] : sizes) time += options_.latency.BatchTime(rung, size);
  if (options_.jitter == 0) return time;
  return time * std::max(kFastest, 1 + options_.jitter * randoms_[worker].Normal());
}

void SimulatedBackend::Run(int worker, std::span<const Assignment> batch,
                           std::span<absl::Status> /*statuses*/) {
  const absl::Time start = options_.clock->Now();
  const absl::Time end = start + BatchTime(worker, batch);
  if (options_.last_worker_stops_after.has_value()) {
    absl::MutexLock lock(&mu_);
    if (!first_batch_.has_value()) first_batch_ = start;
  }
  for (const Assignment& assignment : batch) {
    EngineItem& item = static_cast<ImageTask*>(assignment.task)->item();
    Random random(HashOf(item.pixels));
    Fill(random, options_.embedding_size, item.embedding_values);
    item.embedding_shape = {options_.embedding_size};
    if (item.logits) Fill(random, options_.classes, item.logit_values);
  }
  options_.wait_until(end);
}

bool SimulatedBackend::Usable(int worker) {
  if (!options_.last_worker_stops_after.has_value() || worker + 1 < options_.workers) return true;
  absl::MutexLock lock(&mu_);
  return !first_batch_.has_value() ||
         options_.clock->Now() < *first_batch_ + *options_.last_worker_stops_after;
}

}  // namespace snapvit
