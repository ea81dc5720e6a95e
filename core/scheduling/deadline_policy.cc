#include "core/scheduling/deadline_policy.h"

#include <algorithm>
#include <utility>

namespace snapvit {

DeadlinePolicy::Group* DeadlinePolicy::FindGroup(Groups& groups, uint64_t ladder, int rung) {
  for (Group& group : groups) {
    if (group.rung == rung && group.ladder == ladder) return &group;
  }
  return nullptr;
}

DeadlinePolicy::Group* DeadlinePolicy::MostUrgent(Groups& groups) {
  Group* best = nullptr;
  for (Group& group : groups) {
    if (best == nullptr || *group.tasks.begin() < *best->tasks.begin()) best = &group;
  }
  return best;
}

Urgency DeadlinePolicy::UrgencyOf(QueuedTask* task) const {
  return {task, std::min(task->spec().hard_deadline, task->arrival + patience_)};
}

DeadlinePolicy::Groups& DeadlinePolicy::GroupsOf(const QueuedTask& task) {
  return task.state == QueuedTask::State::kReady ? ready_ : waiting_;
}

void DeadlinePolicy::DropIfEmpty(Groups& groups, Group* group) {
  if (!group->tasks.empty()) return;
  if (group != &groups.back()) std::swap(*group, groups.back());
  groups.pop_back();
}

void DeadlinePolicy::Add(QueuedTask* task) {
  Groups& groups = GroupsOf(*task);
  const TaskSpec& spec = task->spec();
  Group* group = FindGroup(groups, spec.ladder, spec.wanted);
  if (group == nullptr) group = &groups.emplace_back(Group{spec.ladder, spec.wanted, {}});
  group->tasks.insert(UrgencyOf(task));
}

void DeadlinePolicy::Remove(QueuedTask* task) {
  Groups& groups = GroupsOf(*task);
  const TaskSpec& spec = task->spec();
  Group* group = FindGroup(groups, spec.ladder, spec.wanted);
  group->tasks.erase(UrgencyOf(task));
  DropIfEmpty(groups, group);
}

QueuedTask* DeadlinePolicy::TakeToPrepare(absl::Time /*now*/, const PrepareQuota& quota) {
  Group* group = MostUrgent(waiting_);
  const Urgency& head = *group->tasks.begin();
  // The run goes on unless something more urgent than its own head has arrived since.
  Group* same = run_.left > 0 ? FindGroup(waiting_, run_.ladder, run_.rung) : nullptr;
  if (same == nullptr || head < run_.head) {
    run_ = {group->ladder, group->rung, head, max_batch()};
    same = group;
  }
  QueuedTask* task = same->tasks.begin()->task;
  if (!quota.Allows(task->spec().tenant)) return nullptr;
  --run_.left;
  same->tasks.erase(same->tasks.begin());
  DropIfEmpty(waiting_, same);
  return task;
}

void DeadlinePolicy::TakeBatch(int /*worker*/, absl::Time /*now*/, std::vector<Choice>& batch) {
  Group* group = MostUrgent(ready_);
  auto next = group->tasks.begin();
  for (; next != group->tasks.end() && batch.size() < static_cast<size_t>(max_batch()); ++next) {
    batch.push_back({next->task, group->rung, RungReason::kAsWanted});
  }
  group->tasks.erase(group->tasks.begin(), next);
  DropIfEmpty(ready_, group);
}

}  // namespace snapvit
