// Random schedules against a brute-force model of the same rules: nothing is lost, done twice,
// computed too late, outside its rungs, or out of order. For the policy by deadline the model knows
// every batch; for the elastic one, what holds of each.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/base/error_reason.h"
#include "core/scheduling/deadline_policy.h"
#include "core/scheduling/elastic_policy.h"
#include "core/scheduling/scheduler.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_task.h"

namespace snapvit {
namespace {

#if defined(SNAPVIT_SANITIZED)
constexpr int kSchedules = 20'000;
#else
constexpr int kSchedules = 120'000;
#endif
constexpr int kSteps = 40;
// Of five tasks at the highest rung, with room for what the policy takes as safe.
constexpr absl::Duration kLongestBatch = absl::Milliseconds(60);

enum class PolicyKind { kDeadline, kElastic };

class RandomSchedule {
 public:
  RandomSchedule(uint64_t seed, PolicyKind kind)
      : elastic_(kind == PolicyKind::kElastic), random_(seed) {
    workers_ = Random(1, 3);
    max_batch_ = Random(1, 5);
    batches_ahead_ = Random(1, 2);
    patience_ = absl::Milliseconds(Random(0, 60));
    bounds_ = {static_cast<size_t>(Random(1, 30)), static_cast<size_t>(Random(100, 3000)),
               absl::Milliseconds(Random(5, 100))};
    profile_ = std::make_shared<const LatencyTable>(
        *LatencyTable::Create({1, 2}, {{absl::Milliseconds(2), absl::Milliseconds(3)},
                                       {absl::Milliseconds(3), absl::Milliseconds(4)},
                                       {absl::Milliseconds(4), absl::Milliseconds(6)}}));
    scheduler_ = std::make_unique<Scheduler>(
        Scheduler::Options{&clock_, workers_, bounds_, batches_ahead_}, MakePolicy());
    if (elastic_ && Random(0, 1) == 0) {
      scheduler_->SetTenants({{1.0}, {Random(1, 8) / 4.0}, {Random(1, 8) / 4.0}});
    }
    running_.resize(workers_);
  }

  void Run() {
    for (int step = 0; step < kSteps && !testing::Test::HasFailure(); ++step) Step();
    if (Random(0, 1) == 0) {
      scheduler_->Abort(&done_);
      aborted_ = true;
      Settle();
    }
    scheduler_->StopAccepting();
    for (int round = 0; !scheduler_->Idle() && !testing::Test::HasFailure(); ++round) {
      ASSERT_LT(round, 1000) << "the schedule does not end";
      clock_.Advance(absl::Milliseconds(1));
      Prepare();
      FinishAPreparation();
      for (int worker = 0; worker < workers_; ++worker) StepWorker(worker);
    }
    for (const auto& item : items_) {
      ASSERT_EQ(item->task.ended, item->accepted ? 1 : 0) << "lost or done twice";
    }
  }

 private:
  enum class State { kNew, kWaiting, kPreparing, kReady, kRunning, kEnded };
  // The model's view of a task.
  struct Item {
    explicit Item(TaskSpec spec) : task(std::move(spec)) {}
    FakeTask task;
    State state = State::kNew;
    bool accepted = false;
    bool cancel_asked = false;
    absl::Time arrival;
    uint64_t sequence = 0;
    absl::Status prepare_status;
  };
  using Urgency = std::pair<absl::Time, uint64_t>;

  std::unique_ptr<Policy> MakePolicy() const {
    if (!elastic_) {
      return std::make_unique<DeadlinePolicy>(DeadlinePolicy::Options{max_batch_, patience_});
    }
    ElasticPolicy::Options options;
    options.workers = workers_;
    options.max_batch = max_batch_;
    options.patience = patience_;
    return std::make_unique<ElasticPolicy>(options);
  }

  int Random(int low, int high) { return std::uniform_int_distribution<int>(low, high)(random_); }

  void Step() {
    switch (Random(0, 9)) {
      case 0:
      case 1:
      case 2:
        return Submit();
      case 3:
        return clock_.Advance(absl::Milliseconds(Random(0, 15)));
      case 4:
      case 5:
        return Prepare();
      case 6:
        return FinishAPreparation();
      case 7:
        return CancelOne();
      case 8:
        return Expire();
      default:
        return StepWorker(Random(0, workers_ - 1));
    }
  }

  TaskSpec RandomSpec() {
    TaskSpec spec;
    spec.tenant = Random(0, 3);
    spec.wanted = Random(0, 2);
    spec.floor = Random(0, spec.wanted);
    spec.ladder = Random(0, 4) == 0 ? 1 : 0;
    if (Random(0, 3) != 0) spec.latency = profile_;
    if (Random(0, 1) == 0) spec.hard_deadline = clock_.Now() + absl::Milliseconds(Random(1, 60));
    if (Random(0, 1) == 0) spec.soft_deadline = clock_.Now() + absl::Milliseconds(Random(1, 60));
    spec.bytes = Random(0, 200);
    spec.prepared_bytes = Random(0, 100);
    spec.needs_preparation = Random(0, 2) != 0;
    return spec;
  }

  void Submit() {
    std::vector<Task*> request;
    std::vector<Item*> items;
    const int count = Random(1, 6);
    for (int i = 0; i < count; ++i) {
      items_.push_back(std::make_unique<Item>(RandomSpec()));
      items.push_back(items_.back().get());
      item_of_[&items.back()->task] = items.back();
      request.push_back(&items.back()->task);
    }
    const QueueLoad before = scheduler_->Stats().queued;
    QueueLoad load;
    for (const Item* item : items) load += InitialLoad(item->task.spec());
    const bool fits =
        before.items + load.items <= bounds_.max_items &&
        before.bytes + load.bytes <= bounds_.max_bytes &&
        (before.items == 0 || before.engine_time + load.engine_time <= bounds_.max_engine_time);
    const absl::Status status = scheduler_->Submit(request, &done_);
    if (elastic_) {
      const bool unmeetable = GetReason(status) == kReasonDeadlineUnmeetable;
      ASSERT_TRUE(status.ok() || !fits || unmeetable) << status;
    } else {
      ASSERT_EQ(status.ok(), fits) << status;
    }
    if (!status.ok()) {
      ASSERT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
      return SettleVictims();
    }
    for (Item* item : items) {
      item->accepted = true;
      item->arrival = clock_.Now();
      item->sequence = next_sequence_++;
      item->state = item->task.spec().needs_preparation ? State::kWaiting : State::kReady;
    }
    SettleVictims();
  }

  // What a request has displaced.
  void SettleVictims() {
    given_up_for_room_ = true;
    Settle();
    given_up_for_room_ = false;
  }

  static QueueLoad InitialLoad(const TaskSpec& spec) {
    return {1, spec.bytes + (spec.needs_preparation ? 0 : spec.prepared_bytes),
            spec.latency == nullptr ? absl::ZeroDuration() : spec.latency->TaskTime(spec.floor)};
  }

  Urgency UrgencyOf(const Item& item) const {
    const TaskSpec& spec = item.task.spec();
    const absl::Time patient = item.arrival + patience_;
    if (!elastic_) return {std::min(spec.hard_deadline, patient), item.sequence};
    return {spec.due() == absl::InfiniteFuture() ? patient : spec.due(), item.sequence};
  }
  // Tasks that are served in the order of their urgency.
  using Group = std::tuple<uint64_t, int, int, int>;
  Group GroupOf(const Item& item) const {
    const TaskSpec& spec = item.task.spec();
    return elastic_ ? Group{spec.ladder, spec.wanted, spec.floor, spec.tenant}
                    : Group{spec.ladder, spec.wanted, 0, 0};
  }
  bool Dead(const Item& item) const {
    return item.task.Cancelled() || item.task.spec().hard_deadline <= clock_.Now();
  }
  // Items in `state`, most urgent first.
  std::vector<Item*> Sorted(State state) const {
    std::vector<Item*> sorted;
    for (const auto& item : items_) {
      if (item->state == state && !Dead(*item)) sorted.push_back(item.get());
    }
    std::sort(sorted.begin(), sorted.end(),
              [this](const Item* a, const Item* b) { return UrgencyOf(*a) < UrgencyOf(*b); });
    return sorted;
  }

  void Prepare() {
    const std::vector<Item*> waiting = Sorted(State::kWaiting);
    Task* task = scheduler_->StartPrepare(&done_);
    if (task == nullptr) {
      Settle();
      const auto has_room = [this](const Item* item) {
        return Ahead(item->task.spec().tenant) < AheadLimit();
      };
      // The policy by deadline gives up if the one that it wants has no room, which may be a dead
      // one that the model does not count.
      ASSERT_TRUE(!elastic_ || std::none_of(waiting.begin(), waiting.end(), has_room))
          << "a task that could be prepared was not";
      return;
    }
    Item* item = item_of_.at(task);
    ASSERT_EQ(item->state, State::kWaiting);
    ASSERT_FALSE(Dead(*item)) << "prepared though cancelled or expired";
    for (const Item* other : waiting) {
      ASSERT_TRUE(GroupOf(*other) != GroupOf(*item) || !(UrgencyOf(*other) < UrgencyOf(*item)))
          << "prepared before a more urgent one of its group";
    }
    item->state = State::kPreparing;
    item->prepare_status =
        Random(0, 9) == 0 ? absl::InvalidArgumentError("not an image") : absl::OkStatus();
    ASSERT_TRUE(item->task.Prepare().ok());
    ASSERT_EQ(item->task.prepared, 1);
    preparing_.push_back(item);
    Settle();
    ASSERT_LE(Ahead(item->task.spec().tenant), AheadLimit());
  }

  size_t AheadLimit() const { return static_cast<size_t>(batches_ahead_) * max_batch_ * workers_; }
  size_t Ahead(int tenant) const {
    return std::count_if(items_.begin(), items_.end(), [tenant](const auto& item) {
      return item->task.spec().tenant == tenant && item->task.spec().needs_preparation &&
             (item->state == State::kPreparing || item->state == State::kReady);
    });
  }

  void FinishAPreparation() {
    if (preparing_.empty()) return;
    std::swap(preparing_[Random(0, static_cast<int>(preparing_.size()) - 1)], preparing_.back());
    Item* item = preparing_.back();
    preparing_.pop_back();
    const bool lives =
        item->prepare_status.ok() && !Dead(*item) && !item->cancel_asked && !aborted_;
    scheduler_->FinishPrepare(&item->task, item->prepare_status, &done_);
    if (lives) item->state = State::kReady;
    Settle();
    ASSERT_EQ(item->state == State::kReady, lives);
  }

  void CancelOne() {
    if (items_.empty()) return;
    Item* item = items_[Random(0, static_cast<int>(items_.size()) - 1)].get();
    if (Random(0, 1) == 0) return item->task.cancel();
    if (item->state == State::kEnded) return;
    item->cancel_asked = true;
    Task* const task = &item->task;
    scheduler_->Cancel({&task, 1}, &done_);
    const bool waits = item->state == State::kWaiting || item->state == State::kReady;
    Settle();
    ASSERT_EQ(item->task.ended == 1, waits);
  }

  void Expire() {
    scheduler_->Expire(&done_);
    Settle();
    for (const auto& item : items_) {
      const bool waits = item->state == State::kWaiting || item->state == State::kReady;
      ASSERT_FALSE(waits && item->task.spec().hard_deadline <= clock_.Now());
      ASSERT_FALSE(waits && item->task.spec().hard_deadline < scheduler_->NextExpiry());
    }
  }

  void StepWorker(int worker) {
    if (!running_[worker].empty()) return FinishBatch(worker);
    std::vector<Item*> expected;
    for (Item* item : Sorted(State::kReady)) {
      if (expected.size() == static_cast<size_t>(max_batch_)) break;
      if (expected.empty() || GroupOf(*item) == GroupOf(*expected.front()))
        expected.push_back(item);
    }
    std::vector<Item*> batch;
    for (const Assignment& assignment : scheduler_->StartBatch(worker, &done_)) {
      Item* item = item_of_.at(assignment.task);
      ASSERT_EQ(item->state, State::kReady);
      ASSERT_FALSE(Dead(*item)) << "computed though cancelled or expired";
      ASSERT_EQ(item->task.computed, 0);
      ASSERT_GE(assignment.rung, item->task.spec().floor);
      ASSERT_LE(assignment.rung, item->task.spec().wanted);
      ASSERT_EQ(item->task.prepared, item->task.spec().needs_preparation ? 1 : 0);
      ++item->task.computed;
      item->state = State::kRunning;
      batch.push_back(item);
    }
    running_[worker] = batch;
    Settle();
    if (elastic_) return CheckElasticBatch(batch);
    ASSERT_EQ(batch, expected) << "not the most urgent ready tasks of one rung";
  }

  void CheckElasticBatch(const std::vector<Item*>& batch) {
    ASSERT_LE(batch.size(), static_cast<size_t>(max_batch_));
    const std::vector<Item*> left = Sorted(State::kReady);
    if (batch.empty()) {
      // Only what is not worth its compute may stay: a hard deadline so near that the batch would
      // miss it.
      for (const Item* item : left) {
        ASSERT_NE(item->task.spec().latency, nullptr);
        ASSERT_LE(item->task.spec().hard_deadline, clock_.Now() + kLongestBatch);
      }
      return;
    }
    for (const Item* item : batch) {
      ASSERT_EQ(item->task.spec().ladder, batch.front()->task.spec().ladder);
      for (const Item* other : left) {
        const bool overtaken =
            GroupOf(*other) == GroupOf(*item) && UrgencyOf(*other) < UrgencyOf(*item);
        ASSERT_TRUE(!overtaken || other->task.spec().hard_deadline <= clock_.Now() + kLongestBatch)
            << "overtaken by a less urgent one of its kind";
      }
    }
  }

  void FinishBatch(int worker) {
    std::vector<absl::Status> statuses;
    for (size_t i = 0; i < running_[worker].size(); ++i) {
      statuses.push_back(Random(0, 9) == 0 ? absl::InternalError("backend") : absl::OkStatus());
    }
    scheduler_->FinishBatch(worker, statuses, &done_);
    const std::vector<Item*> batch = std::exchange(running_[worker], {});
    Settle();
    for (size_t i = 0; i < batch.size(); ++i) {
      ASSERT_EQ(batch[i]->task.status, statuses[i]);
      ASSERT_EQ(batch[i]->task.execution.batch_size, static_cast<int>(batch.size()));
    }
  }

  // Delivers what has ended, checks that each had a right to, and compares the accounts.
  void Settle() {
    for (const Completion& completion : done_) {
      Item* item = item_of_.at(completion.task);
      completion.task->Done(completion.status, completion.execution);
      ASSERT_EQ(item->task.ended, 1);
      ASSERT_EQ(completion.execution.rung.has_value(), item->task.computed == 1);
      ASSERT_GE(completion.execution.queue_time, absl::ZeroDuration());
      if (item->task.computed == 0) CheckRefusal(*item, completion.status);
      item->state = State::kEnded;
    }
    done_.clear();
    CheckLoad();
  }

  void CheckRefusal(const Item& item, const absl::Status& status) {
    switch (status.code()) {
      case absl::StatusCode::kDeadlineExceeded:
        ASSERT_LE(item.task.spec().hard_deadline, clock_.Now());
        break;
      case absl::StatusCode::kCancelled:
        ASSERT_TRUE(item.cancel_asked || item.task.Cancelled());
        break;
      case absl::StatusCode::kUnavailable:
        ASSERT_TRUE(aborted_);
        break;
      case absl::StatusCode::kResourceExhausted:
        ASSERT_TRUE(elastic_ && given_up_for_room_);
        ASSERT_EQ(GetReason(status), kReasonQueueFull);
        break;
      default:
        ASSERT_FALSE(status.ok());
        ASSERT_EQ(status, item.prepare_status);
    }
  }

  void CheckLoad() {
    QueueLoad load;
    for (const auto& item : items_) {
      if (item->state == State::kNew || item->state == State::kRunning ||
          item->state == State::kEnded) {
        continue;
      }
      QueueLoad one = InitialLoad(item->task.spec());
      if (item->state != State::kWaiting) {
        one.bytes = item->task.spec().bytes + item->task.spec().prepared_bytes;
      }
      load += one;
    }
    const SchedulerStats stats = scheduler_->Stats();
    ASSERT_EQ(stats.queued.items, load.items);
    ASSERT_EQ(stats.queued.bytes, load.bytes);
    ASSERT_EQ(stats.queued.engine_time, load.engine_time);
    ASSERT_LE(stats.queued.items, bounds_.max_items);
    ASSERT_EQ(stats.waiting_items + stats.preparing_items + stats.ready_items, load.items);
  }

  const bool elastic_;
  std::mt19937_64 random_;
  FakeClock clock_;
  int workers_;
  int max_batch_;
  int batches_ahead_;
  absl::Duration patience_;
  QueueBounds bounds_;
  std::shared_ptr<const LatencyTable> profile_;
  std::vector<std::unique_ptr<Item>> items_;
  std::map<const Task*, Item*> item_of_;
  std::unique_ptr<Scheduler> scheduler_;
  std::vector<Item*> preparing_;
  std::vector<std::vector<Item*>> running_;
  Completions done_;
  uint64_t next_sequence_ = 0;
  bool aborted_ = false;
  bool given_up_for_room_ = false;  // a request is being submitted
};

class SchedulerProperty : public testing::TestWithParam<PolicyKind> {};

TEST_P(SchedulerProperty, HoldsOverRandomSchedules) {
  for (int seed = 0; seed < kSchedules; ++seed) {
    RandomSchedule(seed, GetParam()).Run();
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
  }
}

INSTANTIATE_TEST_SUITE_P(Policies, SchedulerProperty,
                         testing::Values(PolicyKind::kDeadline, PolicyKind::kElastic),
                         [](const testing::TestParamInfo<PolicyKind>& kind) {
                           return kind.param == PolicyKind::kElastic ? "Elastic" : "Deadline";
                         });

}  // namespace
}  // namespace snapvit
