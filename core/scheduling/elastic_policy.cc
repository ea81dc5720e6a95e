#include "core/scheduling/elastic_policy.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/error_reason.h"
#include "core/scheduling/fair_share.h"

namespace snapvit {
namespace {

using State = QueuedTask::State;

constexpr double kNever = std::numeric_limits<double>::infinity();
// Of tasks without a deadline, and the most that is planned for.
constexpr double kLongestDeadline = 2.0;
// Weight of one request in a tenant's typical deadline.
constexpr double kDeadlineGain = 1.0 / 32;
// Shares and caps are looked at no more often.
constexpr double kGovernPeriod = 0.002;
// The band around its share in which a tenant's cap rests: at least, and in standard deviations of
// a rate that is measured on so few arrivals. The least time between two rises.
constexpr double kBand = 0.04;
constexpr double kBandDeviations = 2.5;
constexpr double kWidestBand = 0.4;
constexpr double kRisePeriod = 0.1;
// A tenant that has had no task for so many rate windows is forgotten by the shares.
constexpr double kForgottenAfter = 8;
// How far a tenant within its share may be ahead of the one served least, in seconds of the whole
// engine: in this band the earliest deadline decides.
constexpr double kFairBand = 0.05;
// A batch is efficient enough if its tasks take so much more than in the best one; the same as a
// part of the time that there is to spare.
constexpr double kEfficient = 1.01;
constexpr double kSparePace = 0.7;
constexpr double kInefficient = 1.05;
// Weight of one task in the typical time of a tenant's batches.
constexpr double kBatchTimeGain = 1.0 / 256;
// Typical deviations of the quick arrival rate that are taken for chance, and the weight of one
// arrival in what is typical.
constexpr double kSpreads = 2.5;
constexpr double kChanceArrivals = 4;  // as many more in the quick window say nothing, besides
constexpr double kSpreadGain = 1.0 / 2048;
constexpr size_t kLadders = 4;
constexpr absl::Duration kShortestRetry = absl::Milliseconds(20);
constexpr absl::Duration kLongestRetry = absl::Seconds(10);

double Seconds(absl::Time time) { return static_cast<double>(absl::ToUnixNanos(time)) * 1e-9; }

int64_t Nanos(absl::Time time) {
  return time == absl::InfiniteFuture() ? std::numeric_limits<int64_t>::max()
                                        : absl::ToUnixNanos(time);
}

absl::Time Deadline(const TaskSpec& spec) {
  return std::min(spec.hard_deadline, spec.soft_deadline);
}

}  // namespace

struct ElasticPolicy::Tenant {
  Tenant(int number, absl::Duration window, absl::Duration quick)
      : index(number),
        quick_window(absl::ToDoubleSeconds(quick)),
        arrivals(window),
        quick_arrivals(quick) {}

  const int index;
  const double quick_window;  // seconds
  double weight = 1;
  TenantQueue queue;
  ArrivalCurve arrivals;
  ArrivalCurve quick_arrivals;
  double rate_spread = 0.1;  // typical |quick ÷ slow rate - 1|
  double last_arrival = 0;
  double deadline = kLongestDeadline;  // seconds from arrival, typical
  bool has_deadline = false;
  double engine_time = 0;  // used so far ÷ weight; not less than the fair time when it got active
  bool active = false;

  // Set by Govern().
  double demand = 0;  // at wanted rungs, of all workers
  double limit = 1;   // what it may use of all workers
  int cap = std::numeric_limits<int>::max();
  double raised_at = 0;

  Ladder* ladder = nullptr;  // of the newest task
  double batch_time = 0;     // seconds of its batches, typical

  // Arrivals per second now: the curve, and what its counts are to be multiplied with. A quick rate
  // counts from where chance does not explain it.
  double Arrivals(double now) const { return arrivals.Factor(now) * arrivals.counts().tasks(); }
  WeightedCurve Rate(double now, double seconds) const {
    const double slow = Arrivals(now);
    const double quick = quick_arrivals.Factor(now) * quick_arrivals.counts().tasks();
    const double chance = kSpreads * rate_spread * slow + kChanceArrivals / quick_window;
    const double rise = slow > 0 ? (quick - chance) / slow : 0;
    return {&arrivals.counts(), arrivals.Factor(now) * std::max(1.0, rise) * seconds};
  }
  void CountArrival(const TaskSpec& spec, double now) {
    arrivals.Add(spec.floor, spec.wanted, now);
    quick_arrivals.Add(spec.floor, spec.wanted, now);
    const double slow = Arrivals(now);
    const double quick = quick_arrivals.Factor(now) * quick_arrivals.counts().tasks();
    rate_spread += kSpreadGain * (std::min(1.0, std::abs(quick / slow - 1)) - rate_spread);
    last_arrival = now;
  }

  bool over_share() const { return demand > limit; }
};

struct ElasticPolicy::Worker {
  bool busy = false;
  double expected_time = 0;  // of the batch under way; 0: unknown
  Ladder* ladder = nullptr;
};

struct ElasticPolicy::Ladder {
  Ladder(const TaskSpec& spec, int max_batch)
      : id(spec.ladder), table(spec.latency), model(spec.latency, max_batch) {}
  const uint64_t id;
  const std::shared_ptr<const LatencyTable> table;
  LatencyModel model;
};

ElasticPolicy::ElasticPolicy(const Options& options)
    : Policy(options.max_batch), options_(options), workers_(options.workers) {}
ElasticPolicy::~ElasticPolicy() = default;

// --- Tenants, ladders, times ---

ElasticPolicy::Tenant& ElasticPolicy::TenantOf(int index) {
  while (tenants_.size() <= static_cast<size_t>(index)) {
    const auto next = static_cast<int>(tenants_.size());
    tenants_.push_back(std::make_unique<Tenant>(next, options_.rate_window, options_.quick_window));
    if (static_cast<size_t>(next) < shares_.size()) tenants_[next]->weight = shares_[next].weight;
  }
  return *tenants_[index];
}

void ElasticPolicy::SetTenants(std::vector<TenantShare> tenants) {
  shares_ = std::move(tenants);
  for (const auto& tenant : tenants_) {
    const auto index = static_cast<size_t>(tenant->index);
    tenant->weight = index < shares_.size() ? shares_[index].weight : 1;
  }
}

void ElasticPolicy::Activate(Tenant& tenant) {
  if (tenant.queue.empty()) tenant.engine_time = std::max(tenant.engine_time, FairTime());
  if (tenant.active) return;
  tenant.active = true;
  active_.push_back(&tenant);
}

ElasticPolicy::Ladder* ElasticPolicy::LadderOf(const TaskSpec& spec) {
  if (spec.latency == nullptr) return nullptr;
  for (const auto& ladder : ladders_) {
    if (ladder->id == spec.ladder && ladder->table == spec.latency) return ladder.get();
  }
  if (ladders_.size() >= kLadders) {
    const Ladder* oldest = ladders_.front().get();
    for (const auto& tenant : tenants_) {
      if (tenant->ladder == oldest) tenant->ladder = nullptr;
    }
    for (Worker& worker : workers_) {
      if (worker.ladder == oldest) worker.ladder = nullptr;
    }
    ladders_.erase(ladders_.begin());
  }
  ladders_.push_back(std::make_unique<Ladder>(spec, max_batch()));
  return ladders_.back().get();
}

int64_t ElasticPolicy::DueOf(const QueuedTask& task) const {
  return std::min(Nanos(Deadline(task.spec())), Nanos(task.arrival + options_.patience));
}

double ElasticPolicy::LongestBatch(const Tenant& tenant) const {
  return options_.batch_share * tenant.deadline / (1 + 1.0 / options_.workers);
}

// Nearly all of the deadline where others hardly ever come meanwhile.
double ElasticPolicy::Horizon(const Tenant& tenant, double now) const {
  const double meanwhile = tenant.Arrivals(now) * tenant.deadline / options_.workers;
  const double reserve = (options_.batch_share - options_.horizon_share) * std::min(1.0, meanwhile);
  return (options_.batch_share - reserve) * tenant.deadline;
}

double ElasticPolicy::SteadyWait(const Tenant& tenant) const {
  const double for_worker = tenant.batch_time / options_.workers;
  const double left = options_.batch_share * tenant.deadline - tenant.batch_time - for_worker;
  return for_worker + std::max(0.0, options_.wait_share * left);
}

int ElasticPolicy::IdleWorkers() const {
  return static_cast<int>(std::count_if(workers_.begin(), workers_.end(),
                                        [](const Worker& worker) { return !worker.busy; }));
}

// --- Shares and caps ---

void ElasticPolicy::Govern(double now, bool at_once) {
  if (!at_once && now - governed_at_ < kGovernPeriod) return;
  governed_at_ = now;
  const double forgotten = kForgottenAfter * absl::ToDoubleSeconds(options_.rate_window);
  std::erase_if(active_, [&](Tenant* tenant) {
    tenant->active = !tenant->queue.empty() || now - tenant->last_arrival < forgotten;
    if (!tenant->active) {
      tenant->demand = 0;
      tenant->cap = std::numeric_limits<int>::max();
    }
    return !tenant->active;
  });
  std::vector<ShareClaim> claims;
  for (Tenant* tenant : active_) {
    if (tenant->ladder != nullptr) {
      LatencyModel& model = tenant->ladder->model;
      const WeightedCurve curves[] = {
          {&tenant->queue.backlog(), 1 / Horizon(*tenant, now)},
          tenant->Rate(now, 1),
      };
      tenant->demand = CostAtWanted(curves, model.TaskTimes(LongestBatch(*tenant))) *
                       model.factor() / options_.workers;
    }
    claims.push_back({tenant->demand, tenant->weight});
  }
  ShareOut(claims);
  for (size_t i = 0; i < active_.size(); ++i) {
    active_[i]->limit = claims[i].limit;
    if (active_[i]->ladder != nullptr) MoveCap(*active_[i], now);
  }
}

void ElasticPolicy::MoveCap(Tenant& tenant, double now) const {
  LatencyModel& model = tenant.ladder->model;
  const std::vector<double>& times = model.TaskTimes(LongestBatch(tenant));
  const WeightedCurve curve[] = {tenant.Rate(now, 1)};
  const int top = static_cast<int>(times.size()) - 1;
  const double budget = tenant.limit * options_.workers / model.factor();
  // The rung above the highest that fits: the backlog decides how often it is used, so that rungs
  // that are far apart leave nothing of the engine unused.
  const auto cap_for = [&](double seconds) {
    const Cap fits = HighestCap(curve, times, seconds);
    return fits.cost > seconds ? 0 : std::min(fits.rung + 1, top);
  };
  const double counted = 2 * tenant.Arrivals(now) * absl::ToDoubleSeconds(options_.rate_window);
  const double band =
      std::min(kWidestBand, kBand + kBandDeviations / std::sqrt(std::max(1.0, counted)));
  // Between what fits and what would fit with two bands more, the cap rests; it never keeps the
  // tenant from what fits.
  const int cap = std::min(tenant.cap, top);
  if (const int high = cap_for(budget * (1 + 2 * band)); high < cap) {
    tenant.cap = high;
  } else if (cap_for(budget) > cap && now - tenant.raised_at >= kRisePeriod) {
    tenant.cap = cap_for(budget * (1 + band));
    tenant.raised_at = now;
  }
}

TenantGovernances ElasticPolicy::Governance(absl::Time /*now*/) const {
  double active_weight = 0;
  for (const Tenant* tenant : active_) active_weight += tenant->weight;
  TenantGovernances all;
  for (const auto& tenant : tenants_) {
    TenantGovernance& one = all.emplace_back();
    one.cap_rung = tenant->cap;
    one.share = tenant->weight / (active_weight + (tenant->active ? 0 : tenant->weight));
    one.demand = tenant->demand;
    one.queued_items = tenant->queue.waiting() + tenant->queue.ready();
  }
  return all;
}

// --- Arrival ---

absl::Status ElasticPolicy::Admit(std::span<Task* const> request, const QueueLoad& /*queued*/,
                                  absl::Time time) {
  if (request.empty()) return absl::OkStatus();
  const double now = Seconds(time);
  for (const Task* task : request) {
    const TaskSpec& spec = task->spec();
    Tenant& tenant = TenantOf(spec.tenant);
    Activate(tenant);
    tenant.CountArrival(spec, now);
    if (Ladder* ladder = LadderOf(spec)) tenant.ladder = ladder;
    const absl::Time due = Deadline(spec);
    const double deadline = due == absl::InfiniteFuture()
                                ? kLongestDeadline
                                : std::clamp(Seconds(due) - now, 1e-4, kLongestDeadline);
    const double gain = tenant.has_deadline ? kDeadlineGain : 1;
    tenant.deadline += gain * (deadline - tenant.deadline);
    tenant.has_deadline = true;
  }
  Govern(now, /*at_once=*/false);
  return CheckDeadline(*request.front(), request.size(), now);
}

// Refused only if it would be late at its floor, behind what is due before it, with all of the
// share that its tenant has.
absl::Status ElasticPolicy::CheckDeadline(const Task& task, size_t tasks, double now) {
  const TaskSpec& spec = task.spec();
  Tenant& tenant = TenantOf(spec.tenant);
  Ladder* ladder = LadderOf(spec);
  if (spec.hard_deadline == absl::InfiniteFuture() || ladder == nullptr) return absl::OkStatus();
  LatencyModel& model = ladder->model;
  const std::vector<double>& times = model.TaskTimes(LongestBatch(tenant));
  const int64_t due_ns = Nanos(Deadline(spec));
  double before = static_cast<double>(tasks - 1) * times[spec.floor];
  for (const auto& of : tenant.queue.classes()) {
    for (const UrgencySet* set : {&of->ready, &of->waiting}) {
      if (set->empty() || set->begin()->due_ns > due_ns) continue;
      const auto first = static_cast<double>(set->begin()->due_ns);
      const auto last = static_cast<double>(set->rbegin()->due_ns);
      const double part = last <= static_cast<double>(due_ns)
                              ? 1
                              : (static_cast<double>(due_ns) - first) / (last - first);
      const auto floor = std::min<size_t>(of->floor, times.size() - 1);
      before += part * static_cast<double>(set->size()) * times[floor];
    }
  }
  const double wait = before * model.factor() / (tenant.limit * options_.workers);
  const double needed = wait + model.BatchTime(spec.floor, 1);
  const double allowed = Seconds(spec.hard_deadline) - now;
  if (needed <= allowed) return absl::OkStatus();
  const absl::Duration retry =
      std::clamp(absl::Seconds(needed - allowed), kShortestRetry, kLongestRetry);
  return WithReason(absl::ResourceExhaustedError(absl::StrCat(
                        "the deadline is in ", absl::ToInt64Milliseconds(absl::Seconds(allowed)),
                        " ms, at the floor rung ", spec.floor, " the request would take ",
                        absl::ToInt64Milliseconds(absl::Seconds(needed)), " ms")),
                    kReasonDeadlineUnmeetable, retry);
}

void ElasticPolicy::Add(QueuedTask* task) {
  Tenant& tenant = TenantOf(task->spec().tenant);
  Activate(tenant);
  tenant.queue.Add(task, DueOf(*task));
}

void ElasticPolicy::Remove(QueuedTask* task) {
  TenantOf(task->spec().tenant).queue.Remove(task, DueOf(*task));
}

QueuedTask* ElasticPolicy::Victim(std::span<Task* const> request, absl::Time now) {
  if (request.empty()) return nullptr;
  Govern(Seconds(now), /*at_once=*/true);
  const auto excess = [](const Tenant& tenant) {
    return (tenant.demand - tenant.limit) / tenant.weight;
  };
  Tenant* const own = &TenantOf(request.front()->spec().tenant);
  Tenant* worst = own;
  for (Tenant* tenant : active_) {
    if (!tenant->queue.empty() && excess(*tenant) > excess(*worst)) worst = tenant;
  }
  // Its own tenant's newest is the request itself.
  if (worst == own || !worst->over_share()) return nullptr;
  return worst->queue.LeastUrgent();
}

// --- Order among tenants ---

double ElasticPolicy::FairTime() const {
  double least = kNever;
  for (const Tenant* tenant : active_) {
    if (!tenant->queue.empty()) least = std::min(least, tenant->engine_time);
  }
  return least == kNever ? fair_time_ : std::max(least, fair_time_);
}

bool ElasticPolicy::MayGoNow(const Tenant& tenant, double fair_time) const {
  const double band =
      tenant.over_share() ? 0 : kFairBand * tenant.limit * options_.workers / tenant.weight;
  return tenant.engine_time <= fair_time + band;
}

template <typename HasWork>
ElasticPolicy::Tenant* ElasticPolicy::MostUrgentTenant(State state, const HasWork& has_work) {
  double least = kNever;
  for (const Tenant* tenant : active_) {
    if (has_work(*tenant)) least = std::min(least, tenant->engine_time);
  }
  Tenant* best = nullptr;
  const Urgency* best_first = nullptr;
  for (Tenant* tenant : active_) {
    if (!has_work(*tenant) || !MayGoNow(*tenant, least)) continue;
    const Urgency& first = *tenant->queue.MostUrgent(state)->SetOf(state).begin();
    if (best == nullptr || first < *best_first) {
      best = tenant;
      best_first = &first;
    }
  }
  return best;
}

QueuedTask* ElasticPolicy::TakeToPrepare(absl::Time /*now*/, const PrepareQuota& quota) {
  Tenant* tenant = MostUrgentTenant(State::kWaiting, [&quota](const Tenant& candidate) {
    return candidate.queue.waiting() > 0 && quota.Allows(candidate.index);
  });
  if (tenant == nullptr) return nullptr;
  return tenant->queue.TakeFirst(*tenant->queue.MostUrgent(State::kWaiting), State::kWaiting);
}

// --- Batches ---

// Whether a task with so many seconds left is better not waited for: it cannot be in time, or only
// in a batch so small that, made of such, not even the floors would fit the engine. Saving the most
// urgent tasks in small batches would make all the others as urgent.
bool ElasticPolicy::TooLate(const Tenant& tenant, LatencyModel& model, int floor, double slack,
                            double now) const {
  if (model.BatchTime(floor, 1) > slack) return true;
  const double longest = LongestBatch(tenant);
  if (slack >= longest) return false;
  const double best = model.TaskTimes(longest)[floor];
  if (model.TaskTimes(slack)[floor] <= best * kInefficient) return false;
  return CapNow(tenant, model, slack, now).cost > 1;
}

// What is too late for its hard deadline costs no compute; it stays until it expires.
void ElasticPolicy::GiveUpHopeless(Tenant& tenant, double now) {
  while (tenant.queue.ready() > 0) {
    TaskClass& of = *tenant.queue.MostUrgent(State::kReady);
    const TaskSpec& spec = of.ready.begin()->task->spec();
    if (spec.hard_deadline == absl::InfiniteFuture()) return;
    Ladder* ladder = LadderOf(spec);
    const double slack = Seconds(spec.hard_deadline) - now;
    const bool hopeless =
        ladder == nullptr ? slack <= 0 : TooLate(tenant, ladder->model, spec.floor, slack, now);
    if (!hopeless) return;
    tenant.queue.GiveUpFirst(of);
  }
}

// The highest rung at which backlog and arrivals fit what the tenant has of the engine within its
// horizon, in batches of at most `longest`; and the seconds that they take then, of those that
// there are (1: all).
Cap ElasticPolicy::CapNow(const Tenant& tenant, LatencyModel& model, double longest,
                          double now) const {
  double wait = SteadyWait(tenant);
  double horizon = std::max(Horizon(tenant, now), 1.5 * wait);
  if (const QueuedTask* last = tenant.queue.LeastUrgent()) {
    // A burst that nothing follows is due all at once, and ever sooner.
    const double slack = static_cast<double>(DueOf(*last)) * 1e-9 - now;
    horizon = std::min(horizon, std::max(slack, model.BatchTime(0, 1)));
    wait = std::min(wait, horizon / 1.5);
  }
  const WeightedCurve curves[] = {
      {&tenant.queue.backlog(), 1},
      tenant.Rate(now, horizon - wait),
  };
  const double budget = tenant.limit * options_.workers * horizon / model.factor();
  Cap cap = HighestCap(curves, model.TaskTimes(longest), budget);
  cap.cost /= budget;
  cap.rung = std::min(cap.rung, tenant.cap);
  return cap;
}

// The smallest batch that is about as efficient as the best one that is ready and quick enough;
// where there is time to spare, a smaller one. Idle workers get their part.
int ElasticPolicy::BatchSize(const LatencyModel& model, int rung, double longest, double pace,
                             size_t ready) const {
  const auto share = static_cast<int>((ready + IdleWorkers() - 1) / std::max(1, IdleWorkers()));
  int largest = std::clamp(share, 1, max_batch());
  while (largest > 1 && model.SafeBatchTime(rung, largest) > longest) --largest;
  double best = model.BatchTime(rung, 1);
  for (int size = 2; size <= largest; ++size) {
    best = std::min(best, model.BatchTime(rung, size) / size);
  }
  const double enough = best * std::max(kEfficient, kSparePace * pace);
  int size = 1;
  while (size < largest && model.BatchTime(rung, size) / size > enough) ++size;
  return size;
}

ElasticPolicy::Plan ElasticPolicy::MakePlan(Tenant& tenant, const TaskClass& head, double now) {
  const QueuedTask& first = *head.ready.begin()->task;
  Ladder* ladder = LadderOf(first.spec());
  if (ladder == nullptr) return {head.wanted, max_batch(), head.wanted};
  LatencyModel& model = ladder->model;
  const double slack = static_cast<double>(head.ready.begin()->due_ns) * 1e-9 - now;
  // What is late anyway goes as the others allow.
  const bool late = TooLate(tenant, model, head.floor, slack, now);
  const double longest = late ? LongestBatch(tenant) : std::min(LongestBatch(tenant), slack);
  const Cap cap = CapNow(tenant, model, longest, now);
  Plan plan;
  plan.cap = cap.rung;
  plan.rung = std::clamp(plan.cap, head.floor, head.wanted);
  if (late) {
    plan.rung = head.floor;
  } else {
    while (plan.rung > head.floor && model.SafeBatchTime(plan.rung, 1) > slack) --plan.rung;
  }
  plan.below_cap = plan.rung < std::clamp(plan.cap, head.floor, head.wanted);
  // Alone on the engine, too, it would have to hurry.
  const int unhurried = std::clamp(tenant.cap, head.floor, head.wanted);
  plan.hurried = plan.rung < unhurried && model.SafeBatchTime(unhurried, 1) > slack;
  const double pace = cap.cost > 0 ? 1 / cap.cost : kNever;
  plan.size = BatchSize(model, plan.rung, longest, pace, tenant.queue.ready());
  return plan;
}

RungReason ElasticPolicy::ReasonFor(const TaskClass& of, const Plan& plan) {
  if (plan.rung >= of.wanted) return RungReason::kAsWanted;
  return plan.hurried ? RungReason::kDeadline : RungReason::kLoad;
}

// The most urgent tasks of the first tenant that may be served at the rung, and of other tenants
// those that would be served at it anyway.
void ElasticPolicy::Fill(const Tenant& first, uint64_t ladder, const Plan& plan, double now,
                         std::vector<Choice>& batch) {
  double least = kNever;
  for (const Tenant* tenant : active_) {
    if (tenant->queue.ready() > 0) least = std::min(least, tenant->engine_time);
  }
  struct Source {
    Tenant* tenant;
    TaskClass* of;
  };
  std::vector<Source> sources;
  for (Tenant* tenant : active_) {
    if (tenant->queue.ready() == 0) continue;
    if (tenant != &first && !MayGoNow(*tenant, least)) continue;
    int cap = plan.cap;
    if (tenant != &first && tenant->ladder != nullptr) {
      cap = CapNow(*tenant, tenant->ladder->model, LongestBatch(*tenant), now).rung;
    }
    for (const auto& of : tenant->queue.classes()) {
      if (of->ready.empty() || of->ladder != ladder) continue;
      if (plan.rung < of->floor || plan.rung > of->wanted) continue;
      const bool served_so = std::clamp(cap, of->floor, of->wanted) == plan.rung;
      if (served_so || (plan.below_cap && tenant == &first)) sources.push_back({tenant, of.get()});
    }
  }
  while (batch.size() < static_cast<size_t>(plan.size) && !sources.empty()) {
    size_t next = 0;
    for (size_t i = 1; i < sources.size(); ++i) {
      if (*sources[i].of->ready.begin() < *sources[next].of->ready.begin()) next = i;
    }
    auto [tenant, of] = sources[next];
    const RungReason reason = ReasonFor(*of, plan);
    const bool last = of->ready.size() == 1;
    batch.push_back({tenant->queue.TakeFirst(*of, State::kReady), plan.rung, reason});
    if (last) sources.erase(sources.begin() + static_cast<int64_t>(next));
  }
}

void ElasticPolicy::TakeBatch(int /*worker*/, absl::Time time, std::vector<Choice>& batch) {
  const double now = Seconds(time);
  Govern(now, /*at_once=*/false);
  for (Tenant* tenant : active_) GiveUpHopeless(*tenant, now);
  Tenant* tenant = MostUrgentTenant(
      State::kReady, [](const Tenant& candidate) { return candidate.queue.ready() > 0; });
  if (tenant == nullptr) return;
  fair_time_ = std::max(fair_time_, tenant->engine_time);
  const TaskClass& head = *tenant->queue.MostUrgent(State::kReady);
  const Plan plan = MakePlan(*tenant, head, now);
  Fill(*tenant, head.ladder, plan, now, batch);
}

void ElasticPolicy::BatchStarted(int worker, std::span<const Assignment> batch,
                                 absl::Time /*now*/) {
  Worker& running = workers_[worker];
  running = {.busy = true};
  // Of each rung, one forward.
  for (size_t i = 0; i < batch.size(); ++i) {
    const TaskSpec& spec = batch[i].task->spec();
    const int rung = batch[i].rung;
    Ladder* ladder = LadderOf(spec);
    if (ladder == nullptr) continue;
    const auto same = [rung](const Assignment& other) { return other.rung == rung; };
    const auto size = static_cast<int>(std::count_if(batch.begin(), batch.end(), same));
    const double time_each = ladder->model.BatchTime(rung, size) / size;
    running.expected_time += time_each;
    running.ladder = ladder;
    Tenant& tenant = TenantOf(spec.tenant);
    tenant.engine_time += time_each / tenant.weight;
  }
  for (const Assignment& assignment : batch) {
    Tenant& tenant = TenantOf(assignment.task->spec().tenant);
    tenant.batch_time += kBatchTimeGain * (running.expected_time - tenant.batch_time);
  }
}

void ElasticPolicy::BatchFinished(const BatchRecord& record) {
  Worker& finished = workers_[record.worker];
  finished.busy = false;
  if (finished.ladder == nullptr) return;
  finished.ladder->model.Observe(finished.expected_time,
                                 absl::ToDoubleSeconds(record.compute_time));
}

}  // namespace snapvit
