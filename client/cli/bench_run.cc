#include "client/cli/bench_run.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>

#include <algorithm>
#include <memory>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "client/cli/bench_outcome.h"
#include "core/base/clock.h"
#include "core/base/random.h"

namespace snapvit::cli {
namespace {

// Requests of a warm-up that may be sent after its time: a moment's delay loses none.
constexpr int kMostLate = 32;
constexpr absl::Duration kProgressPeriod = absl::Milliseconds(100);
constexpr absl::Duration kGraceAfterInterrupt = absl::Seconds(1);
// Whatever is left of a deadline, the server hears of some time.
constexpr absl::Duration kLeastTimeout = absl::Milliseconds(1);
constexpr char kNotSent[] = "NOT_SENT/IN_FLIGHT_LIMIT";

absl::Duration CpuTime() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return absl::DurationFromTimeval(usage.ru_utime) + absl::DurationFromTimeval(usage.ru_stime);
}

// Seeds of a stream's arrivals, of its warm-up and of its budgets.
uint64_t Seed(uint64_t seed, size_t stream, int purpose) {
  return Random(seed, 3 * stream + static_cast<size_t>(purpose)).Bits();
}

class BenchRun {
 public:
  BenchRun(const BenchPlan& plan, const std::vector<ImageSlice>& images, BenchCaller& caller)
      : plan_(plan), caller_(caller), start_(clock_.Now() + plan.warmup) {
    for (size_t i = 0; i < plan.streams.size(); ++i) {
      requests_.emplace_back(plan.streams[i], plan.model, images);
      budget_randoms_.emplace_back(Seed(plan.seed, i, 2));
      result_.streams.push_back({plan.streams[i].name, plan.streams[i].deadline, LoadRecord()});
    }
    timeline_ = std::make_unique<BenchTimeline>(plan.streams.size());
  }

  BenchResult Run(const ProgressFn& progress) {
    const absl::Duration cpu_start = CpuTime();
    const absl::Time wall_start = clock_.Now();
    std::thread sender([this] { Send(); });
    Watch(progress);
    sender.join();
    absl::MutexLock lock(&mu_);
    BenchResult result{std::move(result_.streams), std::move(result_.total), std::move(*timeline_)};
    result.lateness = std::move(result_.lateness);
    result.elapsed = Ended() - start_;
    result.cpu_time = CpuTime() - cpu_start;
    result.wall_time = clock_.Now() - wall_start;
    result.abandoned = result_.abandoned;
    result.interrupted = interrupted_;
    return result;
  }

 private:
  // What a reply is accounted by.
  struct Sent {
    size_t stream = 0;
    absl::Time intended;
    bool counts = false;  // not of the warm-up
  };

  // Shows the progress until all is done.
  void Watch(const ProgressFn& progress) ABSL_LOCKS_EXCLUDED(mu_);
  double Fraction() const ABSL_SHARED_LOCKS_REQUIRED(mu_);

  // The sending thread: starts the closed streams and sends the open ones.
  void Send() ABSL_LOCKS_EXCLUDED(mu_);
  // Sends the arrivals until `end`, or until there are no more; false: the run is over. A warm-up
  // (not `counts`) leaves out what it is far too late for.
  bool SendOpen(ArrivalMerge& arrivals, absl::Time from, absl::Time end, bool counts);
  // False: the run was stopped before.
  bool SleepUntil(absl::Time time) ABSL_LOCKS_EXCLUDED(mu_);

  // Sends one request, unless the run is over (false).
  bool SendOne(size_t stream, absl::Time intended, bool counts) ABSL_LOCKS_EXCLUDED(mu_);
  void OnReply(const Sent& sent, const BenchCaller::Reply& reply) ABSL_LOCKS_EXCLUDED(mu_);
  void Account(const Sent& sent, const RequestOutcome& outcome) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  bool IsOpen(size_t stream) const { return plan_.streams[stream].arrivals.has_value(); }
  absl::Time End() const {
    return plan_.duration.has_value() ? start_ + *plan_.duration : absl::InfiniteFuture();
  }
  // Whether as many requests as asked for have been sent.
  bool Enough() const ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return plan_.requests.has_value() && counted_ >= *plan_.requests;
  }
  absl::Time Ended() const ABSL_SHARED_LOCKS_REQUIRED(mu_);
  std::vector<size_t> OpenStreams() const;
  ArrivalMerge Merge(bool warmup) const;

  const Clock& clock_ = *Clock::Monotonic();
  const BenchPlan& plan_;
  BenchCaller& caller_;
  std::vector<BenchRequests> requests_;  // by stream
  const absl::Time start_;               // of what counts

  struct Results {
    std::vector<BenchResult::Stream> streams;
    LoadRecord total;
    LatencyHistogram lateness;
    uint64_t abandoned = 0;
  };

  absl::Mutex mu_;
  Results result_ ABSL_GUARDED_BY(mu_);
  std::unique_ptr<BenchTimeline> timeline_ ABSL_GUARDED_BY(mu_);
  std::vector<Random> budget_randoms_ ABSL_GUARDED_BY(mu_);  // by stream
  size_t number_ ABSL_GUARDED_BY(mu_) = 0;                   // of all requests
  uint64_t counted_ ABSL_GUARDED_BY(mu_) = 0;                // of those that count
  size_t in_flight_ ABSL_GUARDED_BY(mu_) = 0;
  bool sender_done_ ABSL_GUARDED_BY(mu_) = false;
  bool interrupted_ ABSL_GUARDED_BY(mu_) = false;
  bool cancelled_ ABSL_GUARDED_BY(mu_) = false;  // what is on its way is given up
  absl::Time last_reply_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
  absl::Time sending_ended_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
};

// The end of the time in which the server did what was counted.
absl::Time BenchRun::Ended() const {
  const bool by_duration = plan_.duration.has_value() && !interrupted_ && !Enough();
  if (!by_duration) return std::max(last_reply_, sending_ended_);
  // Closed streams in full swing send as often as they are answered. What was on its way at the
  // start is not counted and took the server as long as what was on its way at the end, and is.
  if (OpenStreams().empty() && plan_.warmup > absl::ZeroDuration()) return End();
  // A load that ends by its duration has lasted that long, whenever its last request was sent.
  return std::max(last_reply_, End());
}

// --- The thread that shows progress ---

double BenchRun::Fraction() const {
  const absl::Duration since_start = clock_.Now() - start_ + plan_.warmup;
  double fraction = 0;
  if (plan_.duration.has_value()) {
    fraction = absl::FDivDuration(since_start, *plan_.duration + plan_.warmup);
  }
  if (plan_.requests.has_value()) {
    fraction =
        std::max(fraction, static_cast<double>(counted_) / static_cast<double>(*plan_.requests));
  }
  return std::min(fraction, 0.999);  // replies are still to come
}

void BenchRun::Watch(const ProgressFn& progress) {
  const auto done = [this]()
                        ABSL_SHARED_LOCKS_REQUIRED(mu_) { return sender_done_ && in_flight_ == 0; };
  absl::Time give_up = absl::InfiniteFuture();
  while (true) {
    std::string stage;
    double fraction = 0;
    bool over = false;
    bool cancel = false;
    {
      absl::MutexLock lock(&mu_);
      over = mu_.AwaitWithTimeout(absl::Condition(&done), kProgressPeriod);
      fraction = over ? 1 : Fraction();
      stage = absl::StrCat(interrupted_ ? "interrupted: " : "", result_.total.ok(), " answered, ",
                           result_.total.shed(), " shed, ", result_.total.failed(), " failed, ",
                           in_flight_, " on their way");
      cancel = interrupted_ && !cancelled_ && clock_.Now() >= give_up;
      cancelled_ |= cancel;
    }
    if (cancel) caller_.CancelAll();
    const bool go_on = !progress || progress({stage, fraction});
    if (over) return;
    absl::MutexLock lock(&mu_);
    if (go_on || interrupted_) continue;
    interrupted_ = true;
    give_up = clock_.Now() + kGraceAfterInterrupt;
  }
}

// --- The sending thread ---

std::vector<size_t> BenchRun::OpenStreams() const {
  std::vector<size_t> streams;
  for (size_t i = 0; i < plan_.streams.size(); ++i) {
    if (IsOpen(i)) streams.push_back(i);
  }
  return streams;
}

ArrivalMerge BenchRun::Merge(bool warmup) const {
  std::vector<std::unique_ptr<Arrivals>> streams;
  for (const size_t i : OpenStreams()) {
    const ArrivalSpec& spec = *plan_.streams[i].arrivals;
    streams.push_back(warmup ? spec.StartSteady(Seed(plan_.seed, i, 0))
                             : spec.Start(Seed(plan_.seed, i, 1)));
  }
  return ArrivalMerge(std::move(streams));
}

void BenchRun::Send() {
  prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);  // sleeps of this thread end when they are meant to
  for (size_t stream = 0; stream < plan_.streams.size(); ++stream) {
    for (int i = 0; !IsOpen(stream) && i < plan_.streams[stream].concurrency; ++i) {
      SendOne(stream, clock_.Now(), plan_.warmup == absl::ZeroDuration());
    }
  }
  ArrivalMerge warmup = Merge(/*warmup=*/true);
  ArrivalMerge arrivals = Merge(/*warmup=*/false);
  if (SendOpen(warmup, start_ - plan_.warmup, start_, /*counts=*/false)) {
    SendOpen(arrivals, start_, End(), /*counts=*/true);
  }
  absl::MutexLock lock(&mu_);
  sender_done_ = true;
  sending_ended_ = clock_.Now();
}

bool BenchRun::SendOpen(ArrivalMerge& arrivals, absl::Time from, absl::Time end, bool counts) {
  const std::vector<size_t> streams = OpenStreams();
  int late = 0;  // after the end
  for (auto arrival = arrivals.Next(); arrival.has_value(); arrival = arrivals.Next()) {
    const absl::Time intended = from + arrival->time;
    if (intended >= end) return true;
    // What a warm-up did not send in its time would keep what counts waiting.
    if (!counts && clock_.Now() >= end && ++late > kMostLate) return true;
    if (!SleepUntil(intended) || !SendOne(streams[arrival->stream], intended, counts)) return false;
  }
  return true;
}

bool BenchRun::SleepUntil(absl::Time time) {
  while (true) {
    const absl::Duration left = time - clock_.Now();
    if (left <= absl::ZeroDuration()) return true;
    {
      absl::MutexLock lock(&mu_);
      if (interrupted_) return false;
    }
    const timespec sleep = absl::ToTimespec(std::min(left, kProgressPeriod));
    nanosleep(&sleep, nullptr);
  }
}

// --- One request ---

bool BenchRun::SendOne(size_t stream, absl::Time intended, bool counts) {
  const BenchStream& spec = plan_.streams[stream];
  const Sent sent{stream, intended, counts};
  size_t number = 0;
  size_t budget = 0;
  const absl::Time now = clock_.Now();
  {
    absl::MutexLock lock(&mu_);
    if (interrupted_) return false;
    if (counts) {
      if (Enough()) return false;
      ++counted_;
      timeline_->AddSent(stream, intended - start_);
      if (IsOpen(stream)) result_.lateness.Record(now - intended);
    }
    number = number_++;
    budget = spec.budgets.Pick(budget_randoms_[stream].Uniform());
    if (IsOpen(stream) && in_flight_ >= plan_.max_in_flight) {
      RequestOutcome outcome;
      outcome.kind = RequestOutcome::Kind::kFailed;
      outcome.error = kNotSent;
      if (counts) Account(sent, outcome);
      return true;
    }
    ++in_flight_;
  }
  std::optional<absl::Duration> timeout;
  if (spec.deadline.has_value() && spec.tell_deadline) {
    timeout = std::max(intended + *spec.deadline - now, kLeastTimeout);
  }
  caller_.Call(requests_[stream].method(), requests_[stream].Make(number, budget, timeout),
               spec.api_key, plan_.timeout,
               [this, sent](const BenchCaller::Reply& reply) { OnReply(sent, reply); });
  return true;
}

void BenchRun::OnReply(const Sent& sent, const BenchCaller::Reply& reply) {
  const BenchStream& stream = plan_.streams[sent.stream];
  RequestOutcome outcome =
      ReadOutcome(stream.method, stream.images_per_request, reply.status, reply.body);
  outcome.latency = reply.received - sent.intended;
  outcome.in_time = !stream.deadline.has_value() || outcome.latency <= *stream.deadline;
  // The next one is on its way before this one is not any more: the run never looks done between.
  const absl::Time now = clock_.Now();
  if (!IsOpen(sent.stream) && now < End()) SendOne(sent.stream, now, now >= start_);
  absl::MutexLock lock(&mu_);
  --in_flight_;
  if (cancelled_ && reply.status.error_code() == grpc::StatusCode::CANCELLED) {
    ++result_.abandoned;
    return;
  }
  if (sent.counts) {
    last_reply_ = std::max(last_reply_, reply.received);
    Account(sent, outcome);
  }
}

void BenchRun::Account(const Sent& sent, const RequestOutcome& outcome) {
  result_.streams[sent.stream].record.Add(outcome);
  result_.total.Add(outcome);
  timeline_->AddOutcome(sent.stream, sent.intended - start_, outcome);
}

absl::Status CheckEnd(const BenchPlan& plan) {
  if (plan.duration.has_value() || plan.requests.has_value()) return absl::OkStatus();
  for (const BenchStream& stream : plan.streams) {
    if (stream.arrivals.has_value() && stream.arrivals->length() < absl::InfiniteDuration()) {
      continue;
    }
    return absl::InvalidArgumentError("the load has no end, expected a duration or a number");
  }
  return absl::OkStatus();
}

}  // namespace

bool BenchResult::KeptUp() const { return lateness.Quantile(0.99) <= kMostLateness; }

absl::StatusOr<BenchResult> RunBench(const BenchPlan& plan, const std::vector<ImageSlice>& images,
                                     BenchCaller& caller, const ProgressFn& progress) {
  if (absl::Status status = CheckEnd(plan); !status.ok()) return status;
  return BenchRun(plan, images, caller).Run(progress);
}

}  // namespace snapvit::cli
