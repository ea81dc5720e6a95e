// Policies that the server's own is compared with (docs/scheduling.md): one queue by earliest
// deadline, without tenants, and a rule for (rung, batch).
#ifndef SNAPVIT_CORE_SCHEDULING_BASELINE_POLICIES_H_
#define SNAPVIT_CORE_SCHEDULING_BASELINE_POLICIES_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/scheduling/latency_model.h"
#include "core/scheduling/policy.h"
#include "core/scheduling/urgency.h"

namespace snapvit {

// What to run for the most urgent task.
struct RungAndBatch {
  int rung = 0;
  int batch = 1;
};

// A rule, stateless but for what it keeps of the profile.
class BatchRule {
 public:
  virtual ~BatchRule() = default;
  // `slack`: seconds until the most urgent task is due; `queued` ready tasks, at least 1.
  virtual RungAndBatch Choose(const LatencyModel& model, double slack, int queued) = 0;
  // Seconds that a task takes at least: with less left, it is not waited for.
  virtual double LeastTime(const LatencyModel& model) const { return model.BatchTime(0, 1); }
};

// One rung, the largest batch that the slack allows (Clipper with one model).
std::unique_ptr<BatchRule> FixedRung(int rung);
// The highest rung that the slack allows, then the largest batch.
std::unique_ptr<BatchRule> MaxAccuracy();
// The largest batch that the slack allows, then the highest rung.
std::unique_ptr<BatchRule> MaxBatch();
// SuperServe's SlackFit (Khare et al., NSDI 2025, section 4.2): all (rung, batch) in buckets of
// equal width by latency; of the slowest bucket that the slack allows, the pair with the largest
// batch. Where fewer are queued than every batch of a bucket, a faster bucket is taken, and of
// equal batches the higher rung: the readings of the paper that help it.
std::unique_ptr<BatchRule> SlackFit(int buckets);

// Serves by a rule. Tasks keep to their floors and wanted rungs; what cannot meet its hard deadline
// costs no compute. A task counts as due so many seconds (`reserve`) before it is.
class RulePolicy final : public Policy {
 public:
  RulePolicy(int max_batch, std::unique_ptr<BatchRule> rule, double reserve);
  ~RulePolicy() override;

  void Add(QueuedTask* task) override;
  void Remove(QueuedTask* task) override;
  QueuedTask* TakeToPrepare(absl::Time now, const PrepareQuota& quota) override;
  void TakeBatch(int worker, absl::Time now, std::vector<Choice>& batch) override;

 private:
  const LatencyModel* ModelOf(const TaskSpec& spec);

  const std::unique_ptr<BatchRule> rule_;
  const double reserve_;
  UrgencySet waiting_, ready_, given_up_;
  std::shared_ptr<const LatencyTable> table_;  // that model_ is of
  std::unique_ptr<LatencyModel> model_;
};

// "elastic", "slackfit", "slackfit:MS" (with a reserve, for what a real server takes beside
// batches), "max-accuracy", "max-batch", "lowest", "fixed:RUNG".
// INVALID_ARGUMENT names the text and what was expected.
absl::StatusOr<std::unique_ptr<Policy>> MakePolicy(std::string_view name, int workers,
                                                   int max_batch);

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SCHEDULING_BASELINE_POLICIES_H_
