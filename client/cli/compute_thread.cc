#include "client/cli/compute_thread.h"

#include <utility>

namespace snapvit::cli {

absl::StatusOr<std::unique_ptr<ComputeThread>> ComputeThread::Create(int threads) {
  Engine::Options options;
  options.threads_per_worker = threads;
  absl::StatusOr<std::unique_ptr<Engine>> engine = Engine::Create(options);
  if (!engine.ok()) return engine.status();
  return std::unique_ptr<ComputeThread>(new ComputeThread(*std::move(engine)));
}

ComputeThread::ComputeThread(std::unique_ptr<Engine> engine)
    : engine_(std::move(engine)), thread_([this] { Loop(); }) {}

ComputeThread::~ComputeThread() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  thread_.join();
}

void ComputeThread::RunAndWait(const std::function<void()>& work) {
  absl::MutexLock lock(&mutex_);
  work_ = &work;
  mutex_.Await(absl::Condition(
      +[](const std::function<void()>** current) { return *current == nullptr; }, &work_));
}

void ComputeThread::Loop() {
  engine_->StartWorker(0);
  while (true) {
    const std::function<void()>* work = nullptr;
    {
      absl::MutexLock lock(&mutex_);
      const auto has_work = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
        return work_ != nullptr || stopping_;
      };
      mutex_.Await(absl::Condition(&has_work));
      if (stopping_) return;
      work = work_;
    }
    (*work)();
    absl::MutexLock lock(&mutex_);
    work_ = nullptr;
  }
}

}  // namespace snapvit::cli
