// Early return on a failed absl::Status or absl::StatusOr.
#ifndef SNAPVIT_CORE_BASE_STATUS_MACROS_H_
#define SNAPVIT_CORE_BASE_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// RETURN_IF_ERROR(expr): returns the status of `expr` from the calling function unless it is OK.
#define RETURN_IF_ERROR(expr)                                         \
  do {                                                                \
    if (absl::Status _status = (expr); !_status.ok()) return _status; \
  } while (false)

#define SNAPVIT_CONCAT_INNER(a, b) a##b
#define SNAPVIT_CONCAT(a, b) SNAPVIT_CONCAT_INNER(a, b)

// ASSIGN_OR_RETURN(declaration, expr): declaration = *expr, or returns its status.
#define ASSIGN_OR_RETURN(lhs, expr) \
  ASSIGN_OR_RETURN_IMPL(SNAPVIT_CONCAT(_status_or_, __LINE__), lhs, expr)
#define ASSIGN_OR_RETURN_IMPL(result, lhs, expr)       \
  auto result = (expr);                                \
  if (!result.ok()) return std::move(result).status(); \
  lhs = *std::move(result)

#endif  // SNAPVIT_CORE_BASE_STATUS_MACROS_H_
