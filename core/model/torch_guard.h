// Guard: the one place where exceptions of ATen become statuses. Every function that calls ATen
// runs its body in it, so that no exception crosses a folder boundary. No torch header is needed
// here.
#ifndef SNAPVIT_CORE_MODEL_TORCH_GUARD_H_
#define SNAPVIT_CORE_MODEL_TORCH_GUARD_H_

#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace snapvit {

// Call only inside a catch block. c10::OutOfMemoryError, std::bad_alloc and ATen's failed CPU
// allocations become RESOURCE_EXHAUSTED; c10::Error and any other exception INTERNAL, with its
// message (no backtrace).
absl::Status StatusOfCurrentException();

namespace internal {

template <typename T>
struct GuardedResult {
  using type = absl::StatusOr<T>;
};
template <>
struct GuardedResult<void> {
  using type = absl::Status;
};
template <>
struct GuardedResult<absl::Status> {
  using type = absl::Status;
};
template <typename T>
struct GuardedResult<absl::StatusOr<T>> {
  using type = absl::StatusOr<T>;
};

}  // namespace internal

// Runs `body` and returns its result: Status for void and Status, else StatusOr<T> for T and
// StatusOr<T>.
//   return Guard([&]() -> absl::StatusOr<at::Tensor> { … });
template <typename F>
auto Guard(F&& body) -> typename internal::GuardedResult<std::invoke_result_t<F>>::type {
  try {
    if constexpr (std::is_void_v<std::invoke_result_t<F>>) {
      std::forward<F>(body)();
      return absl::OkStatus();
    } else {
      return std::forward<F>(body)();
    }
  } catch (...) {
    return StatusOfCurrentException();
  }
}

}  // namespace snapvit

#endif  // SNAPVIT_CORE_MODEL_TORCH_GUARD_H_
