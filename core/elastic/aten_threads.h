// The threads that ATen has on the calling thread, lent to the kernels.
#ifndef SNAPVIT_CORE_ELASTIC_ATEN_THREADS_H_
#define SNAPVIT_CORE_ELASTIC_ATEN_THREADS_H_

#include "absl/functional/function_ref.h"

namespace snapvit {

// Calls task(0) … task(threads − 1) side by side on the OpenMP threads of the caller, which are
// ATen's, too, so that a worker never has more threads than it was given. If tasks throw, the
// others run to their ends; then one of the exceptions is thrown.
void RunOnOpenMp(int threads, absl::FunctionRef<void(int)> task);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_ELASTIC_ATEN_THREADS_H_
