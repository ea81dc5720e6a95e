// The first policy: earliest deadline first, every task at the rung it wants.
#ifndef SNAPVIT_CORE_SCHEDULING_DEADLINE_POLICY_H_
#define SNAPVIT_CORE_SCHEDULING_DEADLINE_POLICY_H_

#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "core/scheduling/policy.h"
#include "core/scheduling/urgency.h"

namespace snapvit {

// The order is by hard deadline, then by arrival. A task that has waited for `patience` is treated
// as if that were its deadline, so that none starves behind a stream of more urgent ones. A batch
// is the most urgent ready task and the next ones that want the same rung; preparation follows the
// same grouping, so that what is prepared together can be computed together.
class DeadlinePolicy final : public Policy {
 public:
  struct Options {
    int max_batch = 16;
    absl::Duration patience = absl::Seconds(1);
  };

  explicit DeadlinePolicy(Options options)
      : Policy(options.max_batch), patience_(options.patience) {}

  void Add(QueuedTask* task) override;
  void Remove(QueuedTask* task) override;
  QueuedTask* TakeToPrepare(absl::Time now, const PrepareQuota& quota) override;
  void TakeBatch(int worker, absl::Time now, std::vector<Choice>& batch) override;

 private:
  // Tasks that can share a batch, most urgent first.
  struct Group {
    uint64_t ladder = 0;
    int rung = 0;
    UrgencySet tasks;
  };
  // The groups that are not empty: as many as rungs are wanted at the moment, so a scan is cheap.
  using Groups = std::vector<Group>;

  static Group* FindGroup(Groups& groups, uint64_t ladder, int rung);
  static Group* MostUrgent(Groups& groups);
  Urgency UrgencyOf(QueuedTask* task) const;
  Groups& GroupsOf(const QueuedTask& task);
  static void DropIfEmpty(Groups& groups, Group* group);

  const absl::Duration patience_;
  Groups waiting_;
  Groups ready_;

  // The run of preparations that is meant to become one batch.
  struct Run {
    uint64_t ladder = 0;
    int rung = 0;
    Urgency head;
    int left = 0;
  };
  Run run_;
};

}  // namespace snapvit

#endif  // SNAPVIT_CORE_SCHEDULING_DEADLINE_POLICY_H_
