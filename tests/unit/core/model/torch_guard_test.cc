#include "core/model/torch_guard.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <new>
#include <stdexcept>
#include <string>
#include <type_traits>

namespace snapvit {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Guard, ReturnsWhatTheBodyReturns) {
  EXPECT_TRUE(Guard([] {}).ok());
  EXPECT_EQ(*Guard([] { return 5; }), 5);
  EXPECT_EQ(*Guard([]() -> absl::StatusOr<int> { return 6; }), 6);
  EXPECT_EQ(Guard([] { return absl::NotFoundError("x"); }), absl::NotFoundError("x"));
  static_assert(std::is_same_v<decltype(Guard([] { return absl::OkStatus(); })), absl::Status>);
}

TEST(Guard, AtensErrorsAreInternalWithTheMessageAlone) {
  const auto result = Guard([] { return at::matmul(at::ones({2, 3}), at::ones({2, 3})); });
  EXPECT_EQ(result.status().code(), absl::StatusCode::kInternal);
  const std::string message(result.status().message());
  EXPECT_THAT(message, HasSubstr("cannot be multiplied (2x3 and 2x3)"));
  EXPECT_THAT(message, Not(HasSubstr("raised from")));
}

TEST(Guard, WantOfMemoryIsResourceExhausted) {
  const auto huge = Guard([] { return at::empty({int64_t{1} << 46}); });
  EXPECT_EQ(huge.status().code(), absl::StatusCode::kResourceExhausted) << huge.status();
  EXPECT_EQ(Guard([] { throw std::bad_alloc(); }).code(), absl::StatusCode::kResourceExhausted);
}

TEST(Guard, NothingGetsThrough) {
  EXPECT_EQ(Guard([] { throw std::runtime_error("why"); }), absl::InternalError("why"));
  EXPECT_EQ(Guard([] { throw 5; }).code(), absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace snapvit
