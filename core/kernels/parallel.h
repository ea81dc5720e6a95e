// Parallel: the threads that a caller lends to a kernel. The kernels own none.
#ifndef SNAPVIT_CORE_KERNELS_PARALLEL_H_
#define SNAPVIT_CORE_KERNELS_PARALLEL_H_

#include "absl/functional/function_ref.h"

namespace snapvit {

struct Parallel {
  // Calls task(0) … task(threads − 1), in any order and side by side, and returns when all are
  // done.
  absl::FunctionRef<void(absl::FunctionRef<void(int)> task)> run;
  int threads = 1;
};

}  // namespace snapvit

#endif  // SNAPVIT_CORE_KERNELS_PARALLEL_H_
