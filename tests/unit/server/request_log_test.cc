#include "server/request_log.h"

#include <gmock/gmock.h>
#include <spdlog/sinks/ostream_sink.h>

#include <algorithm>
#include <memory>
#include <sstream>
#include <string>

#include "core/base/error_reason.h"
#include "tests/testing/fake_clock.h"

namespace snapvit {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class RequestLogTest : public ::testing::Test {
 protected:
  RequestLogTest() {
    options_.log = &log_;
    options_.clock = &clock_;
    options_.slow = absl::Milliseconds(500);
    options_.burst = 2;
    options_.window = absl::Seconds(10);
  }

  // What is logged about `request`.
  std::string LinesOf(const RequestRecord& request) {
    if (request_log_ == nullptr) request_log_ = std::make_unique<RequestLog>(options_);
    text_.str("");
    request_log_->Record(request);
    return text_.str();
  }

  static RequestRecord Request(absl::Duration duration) {
    RequestRecord request;
    request.method = "embed";
    request.tenant = "search";
    request.id = "call-7";
    request.images = 3;
    request.requested_compute = 1;
    request.duration = duration;
    request.trace = TraceContext{std::string(32, 'a'), std::string(16, 'b'), std::string(16, 'c')};
    RequestRecord::Image image;
    image.served_compute = 0.5;
    image.reason = "LOAD";
    image.queue_time = absl::Milliseconds(700);
    image.decode_time = absl::Milliseconds(4);
    image.compute_time = absl::Milliseconds(90);
    image.batch_size = 8;
    request.slowest = image;
    return request;
  }

  FakeClock clock_;
  std::ostringstream text_;
  const Logger log_{LogLevel::kInfo, LogFormat::kText,
                    std::make_shared<spdlog::sinks::ostream_sink_mt>(text_)};
  RequestLog::Options options_;
  std::unique_ptr<RequestLog> request_log_;
};

TEST_F(RequestLogTest, ASlowRequestSaysWhereTheTimeWent) {
  EXPECT_THAT(LinesOf(Request(absl::Milliseconds(800))),
              AllOf(HasSubstr("level=warning event=request_slow method=embed tenant=search "
                              "id=call-7 images=3 duration_ms=800 "),
                    HasSubstr(" trace_id=" + std::string(32, 'a') +
                              " span_id=cccccccccccccccc "
                              "parent_id=bbbbbbbbbbbbbbbb "),
                    HasSubstr(" requested_compute=1 served_compute=0.5 queue_ms=700 decode_ms=4 "
                              "compute_ms=90 batch_size=8 code=OK reason=LOAD suppressed=0\n")));
}

TEST_F(RequestLogTest, RequestsWithinTheTimeHaveNoLine) {
  EXPECT_THAT(LinesOf(Request(absl::Milliseconds(500))), IsEmpty());
  EXPECT_THAT(LinesOf(Request(absl::Milliseconds(501))), Not(IsEmpty()));
}

TEST_F(RequestLogTest, IsOffUnlessATimeIsGiven) {
  options_.slow = RequestLog::Options().slow;
  EXPECT_THAT(LinesOf(Request(absl::Hours(1))), IsEmpty());
}

TEST_F(RequestLogTest, AFloodOfSlowRequestsIsKeptOutAndCounted) {
  const RequestRecord slow = Request(absl::Seconds(1));
  for (int i = 0; i < 2; ++i) EXPECT_THAT(LinesOf(slow), HasSubstr(" suppressed=0\n"));
  for (int i = 0; i < 3; ++i) EXPECT_THAT(LinesOf(slow), IsEmpty());
  clock_.Advance(absl::Seconds(10));
  EXPECT_THAT(LinesOf(slow), HasSubstr(" suppressed=3\n"));
}

TEST_F(RequestLogTest, ASlowRefusalHasItsReasonAndNoServedCompute) {
  RequestRecord request = Request(absl::Seconds(1));
  request.status = WithReason(absl::DeadlineExceededError("too late"), kReasonExpired);
  request.slowest->served_compute.reset();
  EXPECT_THAT(LinesOf(request), AllOf(HasSubstr(" code=DEADLINE_EXCEEDED reason=EXPIRED "),
                                      HasSubstr(" requested_compute=1 queue_ms=700 "),
                                      Not(HasSubstr("served_compute"))));
}

TEST_F(RequestLogTest, FaultsOfTheServerAreErrorsWithinTheirOwnLimit) {
  RequestRecord request = Request(absl::Milliseconds(1));
  request.status = absl::InternalError("broken");
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(LinesOf(request),
                AllOf(HasSubstr("level=error event=request_failed "), HasSubstr(" code=INTERNAL "),
                      HasSubstr(" message=broken "), HasSubstr(" span_id=cccccccccccccccc ")));
  }
  EXPECT_THAT(LinesOf(request), IsEmpty());
  EXPECT_THAT(LinesOf(Request(absl::Seconds(1))), HasSubstr("event=request_slow"));
}

TEST_F(RequestLogTest, RequestsWithoutATraceHaveNoIds) {
  RequestRecord request = Request(absl::Seconds(1));
  request.trace.reset();
  EXPECT_THAT(LinesOf(request), AllOf(HasSubstr("request_slow"), Not(HasSubstr("trace_id")),
                                      Not(HasSubstr("span_id"))));
}

}  // namespace
}  // namespace snapvit
