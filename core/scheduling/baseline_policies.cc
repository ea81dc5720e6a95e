#include "core/scheduling/baseline_policies.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/scheduling/elastic_policy.h"

namespace snapvit {
namespace {

constexpr int kSlackFitBuckets = 32;

// What follows `prefix` in `name`.
std::optional<std::string> TextAfter(std::string_view name, std::string_view prefix) {
  if (name.substr(0, prefix.size()) != prefix) return std::nullopt;
  return std::string(name.substr(prefix.size()));
}

// Of "fixed:RUNG".
std::optional<int> RungOf(std::string_view name) {
  const std::optional<std::string> text = TextAfter(name, "fixed:");
  int rung = 0;
  if (!text.has_value() || !absl::SimpleAtoi(*text, &rung) || rung < 0) return std::nullopt;
  return rung;
}

int LargestBatch(const LatencyModel& model, int rung, double slack, int queued) {
  int batch = std::min(queued, model.max_batch());
  while (batch > 1 && model.BatchTime(rung, batch) > slack) --batch;
  return batch;
}

int HighestRung(const LatencyModel& model, int batch, double slack) {
  int rung = model.rungs() - 1;
  while (rung > 0 && model.BatchTime(rung, batch) > slack) --rung;
  return rung;
}

class FixedRungRule final : public BatchRule {
 public:
  explicit FixedRungRule(int rung) : rung_(rung) {}
  RungAndBatch Choose(const LatencyModel& model, double slack, int queued) override {
    const int rung = std::min(rung_, model.rungs() - 1);
    return {rung, LargestBatch(model, rung, slack, queued)};
  }
  double LeastTime(const LatencyModel& model) const override {
    return model.BatchTime(std::min(rung_, model.rungs() - 1), 1);
  }

 private:
  const int rung_;
};

class MaxAccuracyRule final : public BatchRule {
 public:
  RungAndBatch Choose(const LatencyModel& model, double slack, int queued) override {
    const int rung = HighestRung(model, 1, slack);
    return {rung, LargestBatch(model, rung, slack, queued)};
  }
};

class MaxBatchRule final : public BatchRule {
 public:
  RungAndBatch Choose(const LatencyModel& model, double slack, int queued) override {
    const int batch = LargestBatch(model, 0, slack, queued);
    return {HighestRung(model, batch, slack), batch};
  }
};

class SlackFitRule final : public BatchRule {
 public:
  explicit SlackFitRule(int buckets) : bucket_count_(buckets) {}

  RungAndBatch Choose(const LatencyModel& model, double slack, int queued) override {
    if (table_ != model.table()) Sort(model);
    for (int bucket = BucketOf(slack); bucket >= 0; --bucket) {
      const RungAndBatch* best = nullptr;
      for (const RungAndBatch& pair : buckets_[bucket]) {
        if (pair.batch > queued || model.BatchTime(pair.rung, pair.batch) > slack) continue;
        if (best == nullptr || pair.batch > best->batch ||
            (pair.batch == best->batch && pair.rung > best->rung)) {
          best = &pair;
        }
      }
      if (best != nullptr) return *best;
    }
    return {0, std::min(queued, model.max_batch())};
  }

 private:
  int BucketOf(double time) const {
    const double place = (time - shortest_) / (longest_ - shortest_) * bucket_count_;
    return static_cast<int>(std::clamp(place, -1.0, bucket_count_ - 1.0));
  }

  void Sort(const LatencyModel& model) {
    table_ = model.table();
    shortest_ = model.BatchTime(0, 1);
    longest_ = model.BatchTime(model.rungs() - 1, model.max_batch());
    buckets_.assign(bucket_count_, {});
    for (int rung = 0; rung < model.rungs(); ++rung) {
      for (int batch = 1; batch <= model.max_batch(); ++batch) {
        const int bucket = std::max(0, BucketOf(model.BatchTime(rung, batch)));
        buckets_[bucket].push_back({rung, batch});
      }
    }
  }

  const int bucket_count_;
  std::shared_ptr<const LatencyTable> table_;  // that the buckets are of: it keeps its address
  double shortest_ = 0, longest_ = 1;
  std::vector<std::vector<RungAndBatch>> buckets_;
};

}  // namespace

std::unique_ptr<BatchRule> FixedRung(int rung) { return std::make_unique<FixedRungRule>(rung); }
std::unique_ptr<BatchRule> MaxAccuracy() { return std::make_unique<MaxAccuracyRule>(); }
std::unique_ptr<BatchRule> MaxBatch() { return std::make_unique<MaxBatchRule>(); }
std::unique_ptr<BatchRule> SlackFit(int buckets) { return std::make_unique<SlackFitRule>(buckets); }

RulePolicy::RulePolicy(int max_batch, std::unique_ptr<BatchRule> rule, double reserve)
    : Policy(max_batch), rule_(std::move(rule)), reserve_(reserve) {}
RulePolicy::~RulePolicy() = default;

const LatencyModel* RulePolicy::ModelOf(const TaskSpec& spec) {
  if (spec.latency != nullptr && spec.latency != table_) {
    table_ = spec.latency;
    model_ = std::make_unique<LatencyModel>(table_, max_batch());
  }
  return spec.latency == nullptr ? nullptr : model_.get();
}

void RulePolicy::Add(QueuedTask* task) {
  UrgencySet& set = task->state == QueuedTask::State::kReady ? ready_ : waiting_;
  set.insert({task, task->spec().due()});
}

void RulePolicy::Remove(QueuedTask* task) {
  const Urgency key(task, task->spec().due());
  if (given_up_.erase(key) > 0) return;
  (task->state == QueuedTask::State::kReady ? ready_ : waiting_).erase(key);
}

QueuedTask* RulePolicy::TakeToPrepare(absl::Time /*now*/, const PrepareQuota& quota) {
  QueuedTask* task = waiting_.begin()->task;
  if (!quota.Allows(task->spec().tenant)) return nullptr;
  waiting_.erase(waiting_.begin());
  return task;
}

void RulePolicy::TakeBatch(int /*worker*/, absl::Time time, std::vector<Choice>& batch) {
  const double now = UnixSeconds(time) + reserve_;
  RungAndBatch choice;
  while (!ready_.empty()) {
    const TaskSpec& spec = ready_.begin()->task->spec();
    const LatencyModel* model = ModelOf(spec);
    choice = {spec.wanted, max_batch()};
    if (model == nullptr) break;
    if (spec.hard_deadline < absl::InfiniteFuture() &&
        now + rule_->LeastTime(*model) > UnixSeconds(spec.hard_deadline)) {
      given_up_.insert(*ready_.begin());
      ready_.erase(ready_.begin());
      continue;
    }
    const double slack = SlackOf(*ready_.begin()->task, now);
    choice = rule_->Choose(*model, slack, static_cast<int>(ready_.size()));
    break;
  }
  if (ready_.empty()) return;
  const uint64_t ladder = ready_.begin()->task->spec().ladder;
  auto next = ready_.begin();
  while (next != ready_.end() && batch.size() < static_cast<size_t>(choice.batch)) {
    const TaskSpec& spec = next->task->spec();
    if (spec.ladder != ladder) break;
    const int rung = std::clamp(choice.rung, spec.floor, spec.wanted);
    batch.push_back(
        {next->task, rung, rung < spec.wanted ? RungReason::kLoad : RungReason::kAsWanted});
    ++next;
  }
  ready_.erase(ready_.begin(), next);
}

absl::StatusOr<std::unique_ptr<Policy>> MakePolicy(std::string_view name, int workers,
                                                   int max_batch) {
  if (name == "elastic") {
    ElasticPolicy::Options options;
    options.workers = workers;
    options.max_batch = max_batch;
    return std::make_unique<ElasticPolicy>(options);
  }
  std::unique_ptr<BatchRule> rule;
  double reserve_ms = 0;
  if (name == "slackfit") {
    rule = SlackFit(kSlackFitBuckets);
  } else if (const auto text = TextAfter(name, "slackfit:");
             text.has_value() && absl::SimpleAtod(*text, &reserve_ms) && reserve_ms >= 0) {
    rule = SlackFit(kSlackFitBuckets);
  } else if (name == "max-accuracy") {
    rule = MaxAccuracy();
  } else if (name == "max-batch") {
    rule = MaxBatch();
  } else if (name == "lowest") {
    rule = FixedRung(0);
  } else if (const auto rung = RungOf(name); rung.has_value()) {
    rule = FixedRung(*rung);
  } else {
    return absl::InvalidArgumentError(
        absl::StrCat("policy '", std::string(name),
                     "' is unknown, expected elastic, slackfit, slackfit:MS, max-accuracy, "
                     "max-batch, lowest or fixed:RUNG"));
  }
  return std::make_unique<RulePolicy>(max_batch, std::move(rule), 1e-3 * reserve_ms);
}

}  // namespace snapvit
