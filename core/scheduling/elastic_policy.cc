#include "core/scheduling/elastic_policy.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "core/base/error_reason.h"

namespace snapvit {
namespace {

using State = QueuedTask::State;

constexpr double kNever = std::numeric_limits<double>::infinity();
// How far a tenant within its share may be ahead of the one served least, in seconds of the whole
// engine: in this band class and deadline decide.
constexpr double kFairBand = 0.05;
// A batch is efficient enough if its tasks take so much more than in the best one; the same as a
// part of the time that there is to spare.
constexpr double kEfficient = 1.01;
constexpr double kSparePace = 0.7;
constexpr size_t kModels = 4;
constexpr absl::Duration kShortestRetry = absl::Milliseconds(20);
constexpr absl::Duration kLongestRetry = absl::Seconds(10);

bool HasReady(const TenantLoad& tenant) { return tenant.queue.ready() > 0; }

Governor::Options GovernorOptions(const ElasticPolicy::Options& options) {
  Governor::Options governor;
  governor.workers = options.workers;
  return governor;
}

// Of two tenants' most urgent tasks.
bool GoesBefore(const TenantLoad& a, const Urgency& of_a, const TenantLoad& b,
                const Urgency& of_b) {
  return a.priority != b.priority ? a.priority < b.priority : of_a < of_b;
}

// Tasks of a set that are due by then, as if they were due at even intervals.
double DueBy(const UrgencySet& set, int64_t due_ns) {
  if (set.empty() || set.begin()->due_ns > due_ns) return 0;
  const auto count = static_cast<double>(set.size());
  const int64_t first = set.begin()->due_ns;
  const int64_t last = set.rbegin()->due_ns;
  if (last <= due_ns) return count;
  return count * static_cast<double>(due_ns - first) / static_cast<double>(last - first);
}

}  // namespace

ElasticPolicy::ElasticPolicy(const Options& options)
    : Policy(options.max_batch),
      options_(options),
      governor_(GovernorOptions(options)),
      workers_(options.workers) {}

std::shared_ptr<LatencyModel> ElasticPolicy::ModelOf(const TaskSpec& spec) {
  if (spec.latency == nullptr) return nullptr;
  for (const auto& model : models_) {
    if (model->table() == spec.latency) return model;
  }
  // Whoever uses the oldest goes on with it.
  if (models_.size() >= kModels) models_.erase(models_.begin());
  models_.push_back(std::make_shared<LatencyModel>(spec.latency, max_batch()));
  return models_.back();
}

Urgency ElasticPolicy::UrgencyOf(QueuedTask* task) const {
  const absl::Time due = task->spec().due();
  return {task, due == absl::InfiniteFuture() ? task->arrival + options_.patience : due};
}

size_t ElasticPolicy::IdleWorkers() const {
  return std::count_if(workers_.begin(), workers_.end(),
                       [](const Running& worker) { return !worker.busy && !worker.gone; });
}

size_t ElasticPolicy::ReadyTasks() const {
  size_t ready = 0;
  for (const TenantLoad* tenant : governor_.active()) ready += tenant->queue.ready();
  return ready;
}

// --- Arrival ---

absl::Status ElasticPolicy::Admit(std::span<Task* const> request, const QueueLoad& /*queued*/,
                                  absl::Time time) {
  if (request.empty()) return absl::OkStatus();
  const double now = UnixSeconds(time);
  const TaskSpec& spec = request.front()->spec();
  TenantLoad& tenant = governor_.TenantOf(spec.tenant);
  governor_.Activate(tenant);
  tenant.CountArrival(spec, request.size(), ModelOf(spec), now);
  governor_.Update(now, /*at_once=*/false);
  return CheckDeadline(*request.front(), request.size(), now);
}

// Refused only if it would be late at its floor, behind what is due before it, with all of the
// share that its tenant has.
absl::Status ElasticPolicy::CheckDeadline(const Task& task, size_t tasks, double now) {
  const TaskSpec& spec = task.spec();
  const std::shared_ptr<LatencyModel> model = ModelOf(spec);
  if (spec.hard_deadline == absl::InfiniteFuture() || model == nullptr) return absl::OkStatus();
  const TenantLoad& tenant = governor_.TenantOf(spec.tenant);
  const std::vector<double>& times = model->TaskTimes(governor_.LongestBatch(tenant));
  // On an engine of its own; then behind what is due before it, on the share that its tenant has.
  const double alone = static_cast<double>(tasks - 1) * times[spec.floor];
  double before = alone;
  for (const auto& of : tenant.queue.classes()) {
    const auto floor = std::min<size_t>(of->floor, times.size() - 1);
    const int64_t due_ns = UnixNanos(spec.due());
    before += (DueBy(of->ready, due_ns) + DueBy(of->waiting, due_ns)) * times[floor];
  }
  const double last = model->BatchTime(spec.floor, 1);
  const double engines = governor_.workers() / model->factor();
  const double needed = before / (tenant.limit * engines) + last;
  const double allowed = UnixSeconds(spec.hard_deadline) - now;
  if (needed <= allowed) return absl::OkStatus();
  const absl::Status status = absl::ResourceExhaustedError(
      absl::StrCat("the deadline is in ", absl::ToInt64Milliseconds(absl::Seconds(allowed)),
                   " ms, at the floor rung ", spec.floor, " the request would take ",
                   absl::ToInt64Milliseconds(absl::Seconds(needed)), " ms"));
  // What takes too long on an idle engine, too, is better not tried again.
  if (alone / engines + last > allowed) return WithReason(status, kReasonDeadlineUnmeetable);
  return WithReason(status, kReasonDeadlineUnmeetable,
                    std::clamp(absl::Seconds(needed - allowed), kShortestRetry, kLongestRetry));
}

void ElasticPolicy::Add(QueuedTask* task) {
  TenantLoad& tenant = governor_.TenantOf(task->spec().tenant);
  governor_.Activate(tenant);
  // Who was away has no claim to what it did not ask for meanwhile.
  if (tenant.queue.empty()) tenant.engine_time = std::max(tenant.engine_time, LeastEngineTime());
  tenant.queue.Add(UrgencyOf(task));
}

void ElasticPolicy::Remove(QueuedTask* task) {
  governor_.TenantOf(task->spec().tenant).queue.Remove(UrgencyOf(task));
}

void ElasticPolicy::WorkerGone(int worker) {
  workers_[worker].gone = true;
  const auto left = std::count_if(workers_.begin(), workers_.end(),
                                  [](const Running& other) { return !other.gone; });
  governor_.SetWorkers(std::max(1, static_cast<int>(left)));
}

QueuedTask* ElasticPolicy::Victim(std::span<Task* const> request, absl::Time now) {
  if (request.empty()) return nullptr;
  governor_.Update(UnixSeconds(now), /*at_once=*/true);
  const auto excess = [](const TenantLoad& tenant) {
    return (tenant.demand - tenant.limit) / tenant.weight;
  };
  TenantLoad* const own = &governor_.TenantOf(request.front()->spec().tenant);
  TenantLoad* worst = own;
  for (TenantLoad* tenant : governor_.active()) {
    if (!tenant->queue.empty() && excess(*tenant) > excess(*worst)) worst = tenant;
  }
  // Its own tenant's newest is the request itself.
  if (worst == own || !worst->over_share()) return nullptr;
  return worst->queue.LeastUrgent()->task;
}

// --- Whose turn it is ---

double ElasticPolicy::LeastEngineTime() const {
  double least = kNever;
  for (const TenantLoad* tenant : governor_.active()) {
    if (!tenant->queue.empty()) least = std::min(least, tenant->engine_time);
  }
  return least == kNever ? fair_time_ : std::max(least, fair_time_);
}

bool ElasticPolicy::MayGoNow(const TenantLoad& tenant, double least_engine_time) const {
  const double band = tenant.over_share() ? 0
                                          : kFairBand * tenant.limit * governor_.workers() /
                                                (tenant.weight * tenant.pace);
  return tenant.engine_time <= least_engine_time + band;
}

template <typename HasWork>
TenantLoad* ElasticPolicy::MostUrgentTenant(State state, const HasWork& has_work) const {
  double least = kNever;
  for (const TenantLoad* tenant : governor_.active()) {
    if (has_work(*tenant)) least = std::min(least, tenant->engine_time);
  }
  TenantLoad* best = nullptr;
  const Urgency* best_first = nullptr;
  for (TenantLoad* tenant : governor_.active()) {
    if (!has_work(*tenant) || !MayGoNow(*tenant, least)) continue;
    const Urgency& first = *tenant->queue.MostUrgent(state)->SetOf(state).begin();
    if (best == nullptr || GoesBefore(*tenant, first, *best, *best_first)) {
      best = tenant;
      best_first = &first;
    }
  }
  return best;
}

QueuedTask* ElasticPolicy::TakeToPrepare(absl::Time /*now*/, const PrepareQuota& quota) {
  TenantLoad* tenant = MostUrgentTenant(State::kWaiting, [&quota](const TenantLoad& candidate) {
    return candidate.queue.waiting() > 0 && quota.Allows(candidate.index());
  });
  if (tenant == nullptr) return nullptr;
  return tenant->queue.TakeFirst(*tenant->queue.MostUrgent(State::kWaiting), State::kWaiting);
}

// --- Batches ---

void ElasticPolicy::TakeBatch(int /*worker*/, absl::Time time, std::vector<Choice>& batch) {
  const double now = UnixSeconds(time);
  governor_.Update(now, /*at_once=*/false);
  TenantLoad* tenant = MostUrgentTenant(State::kReady, HasReady);
  while (tenant != nullptr && GiveUpHopeless(*tenant, now)) {
    tenant = MostUrgentTenant(State::kReady, HasReady);
  }
  if (tenant == nullptr) return;
  fair_time_ = std::max(fair_time_, tenant->engine_time);
  const TaskClass& head = *tenant->queue.MostUrgent(State::kReady);
  const uint64_t ladder = head.ladder;
  const Plan plan = MakePlan(*tenant, head, now);
  std::vector<Source> sources;
  for (const auto& of : tenant->queue.classes()) {
    if (of->ready.empty() || of->ladder != ladder) continue;
    if (plan.rung < of->floor || plan.rung > of->wanted) continue;
    // What its own cap would serve higher joins only where a deadline lowers all of them.
    const bool served_so = std::clamp(plan.cap, of->floor, of->wanted) == plan.rung;
    if (served_so || plan.below_cap) sources.push_back({tenant, of.get()});
  }
  Take(std::move(sources), plan, batch);
  if (batch.size() < static_cast<size_t>(plan.size)) {
    FillFromOthers(*tenant, ladder, plan, now, batch);
  }
}

// What is too late for its hard deadline costs no compute; it stays until it expires.
bool ElasticPolicy::GiveUpHopeless(TenantLoad& tenant, double now) {
  bool any = false;
  while (tenant.queue.ready() > 0) {
    TaskClass& of = *tenant.queue.MostUrgent(State::kReady);
    const TaskSpec& spec = of.ready.begin()->task->spec();
    if (spec.hard_deadline == absl::InfiniteFuture()) break;
    const double slack = UnixSeconds(spec.hard_deadline) - now;
    const std::shared_ptr<LatencyModel> model = ModelOf(spec);
    const bool hopeless =
        model == nullptr ? slack <= 0 : governor_.TooLate(tenant, *model, spec.floor, slack, now);
    if (!hopeless) break;
    tenant.queue.GiveUpFirst(of);
    any = true;
  }
  return any;
}

ElasticPolicy::Plan ElasticPolicy::MakePlan(const TenantLoad& tenant, const TaskClass& head,
                                            double now) {
  const Urgency& first = *head.ready.begin();
  const std::shared_ptr<LatencyModel> model = ModelOf(first.task->spec());
  if (model == nullptr) return {head.wanted, max_batch(), head.wanted};
  const double slack = SlackOf(*first.task, now);
  // What is late anyway goes at its floor, and in batches as the others allow.
  const bool late = governor_.TooLate(tenant, *model, head.floor, slack, now);
  const double longest = governor_.LongestBatch(tenant);
  const double quick_enough = late ? longest : std::min(longest, slack);
  const Governor::CapAtPresent cap = governor_.CapNow(tenant, *model, quick_enough, now);
  Plan plan;
  plan.cap = cap.rung;
  plan.rung = late ? head.floor : std::clamp(plan.cap, head.floor, head.wanted);
  while (!late && plan.rung > head.floor && model->SafeBatchTime(plan.rung, 1) > slack) {
    --plan.rung;
  }
  plan.below_cap = plan.rung < std::clamp(plan.cap, head.floor, head.wanted);
  // Alone on the engine, too, it would have to hurry.
  const int unhurried = std::clamp(tenant.cap, head.floor, head.wanted);
  plan.hurried = plan.rung < unhurried && model->SafeBatchTime(unhurried, 1) > slack;
  plan.size = BatchSize(*model, plan.rung, quick_enough, cap.pace, ReadyTasks());
  return plan;
}

// The smallest batch that is about as efficient as the best one that is ready and quick enough;
// where there is time to spare (`pace` times what is needed), a smaller one, unless others wait for
// it to end. Other idle workers get their part.
int ElasticPolicy::BatchSize(const LatencyModel& model, int rung, double longest, double pace,
                             size_t ready) const {
  const size_t idle = std::max<size_t>(1, IdleWorkers());
  int largest = std::clamp(static_cast<int>((ready + idle - 1) / idle), 1, max_batch());
  while (largest > 1 && model.SafeBatchTime(rung, largest) > longest) --largest;
  double best = model.BatchTime(rung, 1);
  for (int size = 2; size <= largest; ++size) {
    best = std::min(best, model.BatchTime(rung, size) / size);
  }
  const bool others_wait = ready > idle * max_batch();
  const double enough = best * (others_wait ? kEfficient : std::max(kEfficient, kSparePace * pace));
  int size = 1;
  while (size < largest && model.BatchTime(rung, size) / size > enough) ++size;
  return size;
}

RungReason ElasticPolicy::ReasonFor(const TaskClass& of, const Plan& plan) {
  if (plan.rung >= of.wanted) return RungReason::kAsWanted;
  return plan.hurried ? RungReason::kDeadline : RungReason::kLoad;
}

void ElasticPolicy::Take(std::vector<Source> sources, const Plan& plan,
                         std::vector<Choice>& batch) {
  while (batch.size() < static_cast<size_t>(plan.size) && !sources.empty()) {
    const auto next =
        std::min_element(sources.begin(), sources.end(), [](const Source& a, const Source& b) {
          return GoesBefore(*a.tenant, *a.of->ready.begin(), *b.tenant, *b.of->ready.begin());
        });
    const RungReason reason = ReasonFor(*next->of, plan);
    const bool last = next->of->ready.size() == 1;  // the class may go with it
    batch.push_back({next->tenant->queue.TakeFirst(*next->of, State::kReady), plan.rung, reason});
    if (last) sources.erase(next);
  }
}

// Tasks of other tenants that would be served at this rung anyway.
void ElasticPolicy::FillFromOthers(const TenantLoad& first, uint64_t ladder, const Plan& plan,
                                   double now, std::vector<Choice>& batch) {
  const double least = LeastEngineTime();
  std::vector<Source> sources;
  for (TenantLoad* tenant : governor_.active()) {
    if (tenant == &first || !HasReady(*tenant) || !MayGoNow(*tenant, least)) continue;
    GiveUpHopeless(*tenant, now);
    std::optional<int> cap;  // looked up once it matters
    for (const auto& of : tenant->queue.classes()) {
      if (of->ready.empty() || of->ladder != ladder) continue;
      if (plan.rung < of->floor || plan.rung > of->wanted) continue;
      if (!cap.has_value()) {
        LatencyModel* const model = tenant->model().get();
        cap = model == nullptr
                  ? plan.rung
                  : governor_.CapNow(*tenant, *model, governor_.LongestBatch(*tenant), now).rung;
      }
      if (std::clamp(*cap, of->floor, of->wanted) == plan.rung) {
        sources.push_back({tenant, of.get()});
      }
    }
  }
  Take(std::move(sources), plan, batch);
}

void ElasticPolicy::BatchStarted(int worker, std::span<const Assignment> batch,
                                 absl::Time /*now*/) {
  // All of one rung and ladder.
  const std::shared_ptr<LatencyModel> model = ModelOf(batch.front().task->spec());
  Running& running = workers_[worker];
  running = {.busy = true, .model = model};
  if (model == nullptr) return;
  const auto size = static_cast<int>(batch.size());
  running.expected_time = model->BatchTime(batch.front().rung, size);
  for (const Assignment& assignment : batch) {
    TenantLoad& tenant = governor_.TenantOf(assignment.task->spec().tenant);
    tenant.engine_time += running.expected_time / size / (tenant.weight * tenant.pace);
    tenant.CountBatch(running.expected_time);
  }
}

void ElasticPolicy::BatchFinished(const BatchRecord& record) {
  Running& finished = workers_[record.worker];
  finished.busy = false;
  if (finished.model == nullptr) return;
  finished.model->Observe(finished.expected_time, absl::ToDoubleSeconds(record.compute_time));
}

}  // namespace snapvit
