#include "core/elastic/aten_threads.h"

#include <exception>
#include <mutex>

// ATen's own parallel_for is a loop in headers, of one thread in files that are compiled without
// OpenMP.
#ifndef _OPENMP
#error "compile this file with -fopenmp"
#endif

namespace snapvit {

void RunOnOpenMp(int threads, absl::FunctionRef<void(int)> task) {
  if (threads == 1) return task(0);
  std::mutex mutex;  // guards `failure`
  std::exception_ptr failure;
#pragma omp parallel for num_threads(threads) schedule(static, 1)
  for (int i = 0; i < threads; ++i) {
    try {
      task(i);
    } catch (...) {
      const std::lock_guard<std::mutex> lock(mutex);
      failure = std::current_exception();
    }
  }
  if (failure != nullptr) std::rethrow_exception(failure);
}

}  // namespace snapvit
