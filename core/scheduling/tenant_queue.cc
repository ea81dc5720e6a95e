#include "core/scheduling/tenant_queue.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace snapvit {

using State = QueuedTask::State;

TaskClass& TenantQueue::ClassOf(const TaskSpec& spec) {
  for (const auto& of : classes_) {
    if (of->ladder == spec.ladder && of->floor == spec.floor && of->wanted == spec.wanted) {
      return *of;
    }
  }
  classes_.push_back(
      std::make_unique<TaskClass>(TaskClass{spec.ladder, spec.floor, spec.wanted, {}, {}}));
  return *classes_.back();
}

void TenantQueue::Count(const QueuedTask& task, int change) {
  (task.state == State::kReady ? ready_ : waiting_) += change;
  backlog_.Add(task.spec().floor, task.spec().wanted, change);
  if (change > 0) {
    load_ += task.load;
  } else {
    load_ -= task.load;
  }
}

void TenantQueue::DropIfEmpty(const TaskClass& of) {
  if (!of.ready.empty() || !of.waiting.empty()) return;
  const auto place = std::find_if(classes_.begin(), classes_.end(),
                                  [&of](const auto& other) { return other.get() == &of; });
  std::swap(*place, classes_.back());
  classes_.pop_back();
}

void TenantQueue::Add(const Urgency& urgency) {
  QueuedTask* const task = urgency.task;
  ClassOf(task->spec()).SetOf(task->state).insert(urgency);
  Count(*task, 1);
}

void TenantQueue::Remove(const Urgency& urgency) {
  if (given_up_.erase(urgency) > 0) return;
  QueuedTask* const task = urgency.task;
  TaskClass& of = ClassOf(task->spec());
  [[maybe_unused]] const size_t erased = of.SetOf(task->state).erase(urgency);
  assert(erased == 1);
  Count(*task, -1);
  DropIfEmpty(of);
}

QueuedTask* TenantQueue::TakeFirst(TaskClass& of, State state) {
  UrgencySet& set = of.SetOf(state);
  QueuedTask* task = set.begin()->task;
  set.erase(set.begin());
  Count(*task, -1);
  DropIfEmpty(of);
  return task;
}

void TenantQueue::GiveUpFirst(TaskClass& of) {
  const Urgency first = *of.ready.begin();
  TakeFirst(of, State::kReady);
  given_up_.insert(first);
}

TaskClass* TenantQueue::MostUrgent(State state) {
  TaskClass* best = nullptr;
  for (const auto& of : classes_) {
    const UrgencySet& set = of->SetOf(state);
    if (set.empty()) continue;
    if (best == nullptr || *set.begin() < *best->SetOf(state).begin()) best = of.get();
  }
  return best;
}

const Urgency* TenantQueue::LeastUrgent() const {
  const Urgency* last = nullptr;
  for (const auto& of : classes_) {
    for (const UrgencySet* set : {&of->waiting, &of->ready}) {
      if (!set->empty() && (last == nullptr || *last < *set->rbegin())) last = &*set->rbegin();
    }
  }
  return last;
}

}  // namespace snapvit
