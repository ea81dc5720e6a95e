#include "core/scheduling/governor.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <utility>

#include "core/scheduling/fair_share.h"

namespace snapvit {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();
constexpr double kUpdatePeriod = 0.002;
// A tenant that has had no task for so many rate windows is forgotten by the shares.
constexpr double kForgottenAfter = 8;
// The band around its share in which a tenant's cap rests: at least, and in standard deviations of
// a rate that is measured on so few arrivals. The least time between two rises.
constexpr double kBand = 0.04;
constexpr double kBandDeviations = 2.5;
constexpr double kWidestBand = 0.4;
constexpr double kRisePeriod = 0.1;
// Batches that take this much longer per task than the best ones are inefficient.
constexpr double kInefficient = 1.05;
// The steady wait is at most this part of the horizon.
constexpr double kLongestWait = 1 / 1.5;
// How much of the queue may be full at steady load, of the share of a tenant; the rest is for
// bursts, and batch tenants leave half of the queue to others anyway.
constexpr double kSteadyRoom = 0.5;
constexpr double kSteadyRoomOfBatch = 0.25;
// Of that: from where all that arrives has to be served as it comes, and what is more worked off.
constexpr double kRoomEnd = 1.5;
// Who has more time has it for its rungs. Backlog is a demand of at most so many seconds, or a
// tenant that keeps many images under way would seem to ask for nothing; and batches are as long as
// if there were no more time, as others wait behind them.
constexpr double kLongestDemand = 1.2;
constexpr double kLongestBatchDeadline = 2;

}  // namespace

// --- Tenants ---

TenantLoad& Governor::TenantOf(int index) {
  while (tenants_.size() <= static_cast<size_t>(index)) {
    const size_t next = tenants_.size();
    tenants_.push_back(std::make_unique<TenantLoad>(static_cast<int>(next), options_.rate_window,
                                                    options_.quick_window));
    SetShare(*tenants_[next]);
  }
  return *tenants_[index];
}

void Governor::SetShare(TenantLoad& tenant) const {
  const auto index = static_cast<size_t>(tenant.index());
  const TenantShare share = index < shares_.size() ? shares_[index] : TenantShare();
  tenant.weight = share.weight;
  tenant.priority = share.priority;
}

void Governor::SetShares(std::vector<TenantShare> shares) {
  shares_ = std::move(shares);
  for (const auto& tenant : tenants_) SetShare(*tenant);
}

TenantGovernances Governor::Report() const {
  double active_weight = 0;
  for (const TenantLoad* tenant : active_) active_weight += tenant->weight;
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

void Governor::Activate(TenantLoad& tenant) {
  if (tenant.active) return;
  tenant.active = true;
  active_.push_back(&tenant);
}

// --- What deadlines leave ---

double Governor::LongestBatch(const TenantLoad& tenant) const {
  const double deadline = std::min(tenant.deadline(), kLongestBatchDeadline);
  return options_.batch_share * deadline / (1 + 1.0 / workers_);
}

// Nearly all of the deadline where others hardly ever come meanwhile.
double Governor::Horizon(const TenantLoad& tenant, double now) const {
  const double meanwhile = tenant.ArrivalRate(now) * tenant.deadline() / workers_;
  const double reserve = (options_.batch_share - options_.horizon_share) * std::min(1.0, meanwhile);
  return (options_.batch_share - reserve) * tenant.deadline();
}

// The time whose arrivals are taken for a rate.
double Governor::RateSeconds(double horizon) const {
  return std::clamp(horizon, quick_seconds_, rate_seconds_);
}

// How much longer the horizon is than a rate holds. From two windows on, what waits tells soon
// enough what there is to do, and a burst is no rate.
double Governor::Patience(double horizon) const {
  return std::max(1.0, horizon / (2 * rate_seconds_));
}

// How long a task waits at steady load: for a worker, and a part of what is left.
double Governor::SteadyWait(const TenantLoad& tenant) const {
  const double for_worker = tenant.batch_time() / workers_;
  const double left = options_.batch_share * tenant.deadline() - tenant.batch_time() - for_worker;
  return for_worker + std::max(0.0, options_.wait_share * left);
}

// --- Shares and caps ---

double Governor::Demand(const TenantLoad& tenant, double now) const {
  if (tenant.model() == nullptr) return 0;
  LatencyModel& model = *tenant.model();
  const double horizon = Horizon(tenant, now);
  const double seconds = RateSeconds(horizon);
  WeightedCurve arrivals = tenant.ArrivalsIn(seconds, now);
  arrivals.factor /= seconds;
  const WeightedCurve curves[] = {{&tenant.queue.backlog(), 1 / std::min(horizon, kLongestDemand)},
                                  arrivals};
  return CostAtWanted(curves, model.TaskTimes(LongestBatch(tenant))) * model.factor() / workers_;
}

void Governor::Update(double now, bool at_once) {
  if (!at_once && now - updated_at_ < kUpdatePeriod) return;
  updated_at_ = now;
  const double forgotten = kForgottenAfter * rate_seconds_;
  std::erase_if(active_, [&](TenantLoad* tenant) {
    if (!tenant->queue.empty() || now - tenant->last_arrival() < forgotten) return false;
    tenant->active = false;
    tenant->demand = 0;
    tenant->cap = TenantLoad::kNoCap;
    return true;
  });
  std::vector<ShareClaim> claims;
  for (TenantLoad* tenant : active_) {
    tenant->demand = Demand(*tenant, now);
    claims.push_back({tenant->demand, tenant->weight, tenant->priority});
  }
  ShareOut(claims);
  for (size_t i = 0; i < active_.size(); ++i) {
    active_[i]->limit = claims[i].limit;
    active_[i]->pace = claims[i].pace;
    if (active_[i]->model() != nullptr) MoveCap(*active_[i], now);
  }
}

void Governor::MoveCap(TenantLoad& tenant, double now) const {
  LatencyModel& model = *tenant.model();
  const std::vector<double>& times = model.TaskTimes(LongestBatch(tenant));
  const double horizon = Horizon(tenant, now);
  const double seconds = RateSeconds(horizon);
  const WeightedCurve curve[] = {tenant.ArrivalsIn(seconds, now)};
  const int top = model.rungs() - 1;
  const double patience = Patience(horizon) * Patience(horizon);
  const double budget = tenant.limit * workers_ * patience * seconds / model.factor();
  // The rung above the highest that fits: the backlog decides how often it is used, so that rungs
  // that are far apart leave nothing of the engine unused.
  const auto cap_for = [&](double engine_time) {
    const Cap fits = HighestCap(curve, times, engine_time);
    return fits.cost > engine_time ? 0 : std::min(fits.rung + 1, top);
  };
  const double counted = 2 * tenant.ArrivalRate(now) * rate_seconds_;
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

// --- At this moment ---

// How many tasks of the tenant's may wait at steady load, if all are like those that do; at
// least 1.
double Governor::RoomFor(const TenantLoad& tenant) const {
  const QueueLoad& load = tenant.queue.load();
  const double full =
      std::max({static_cast<double>(load.items) / static_cast<double>(bounds_.max_items),
                static_cast<double>(load.bytes) / static_cast<double>(bounds_.max_bytes),
                absl::FDivDuration(load.engine_time, bounds_.max_engine_time)});
  if (full <= 0) return kNever;
  const bool batch = tenant.priority == PriorityClass::kBatch;
  const double share = tenant.limit * (batch ? kSteadyRoomOfBatch : kSteadyRoom);
  return std::max(1.0, static_cast<double>(load.items) * share / full);
}

Governor::CapAtPresent Governor::CapFor(const TenantLoad& tenant, LatencyModel& model,
                                        std::span<const WeightedCurve> tasks, double longest,
                                        double seconds) const {
  const double budget = tenant.limit * workers_ * seconds / model.factor();
  const Cap cap = HighestCap(tasks, model.TaskTimes(longest), budget);
  return {.rung = cap.rung, .cost = cap.cost / budget};
}

Governor::CapAtPresent Governor::CapInTime(const TenantLoad& tenant, LatencyModel& model,
                                           double longest, double now) const {
  double wait = SteadyWait(tenant);
  double horizon = std::max(Horizon(tenant, now), wait / kLongestWait);
  if (const Urgency* last = tenant.queue.LeastUrgent()) {
    // A burst that nothing follows is due all at once, and ever sooner.
    horizon = std::min(horizon, std::max(SlackOf(*last->task, now), model.BatchTime(0, 1)));
    wait = std::min(wait, horizon * kLongestWait);
  }
  WeightedCurve foreseen = tenant.ArrivalsIn(horizon - wait, now);
  foreseen.factor /= std::sqrt(Patience(horizon));
  const WeightedCurve tasks[] = {{&tenant.queue.backlog(), 1}, foreseen};
  CapAtPresent cap = CapFor(tenant, model, tasks, longest, horizon);
  cap.pace = cap.cost > 0 ? std::min(1.0, kLongestDemand / horizon) / cap.cost : kNever;
  return cap;
}

Governor::CapAtPresent Governor::CapInRoom(const TenantLoad& tenant, LatencyModel& model,
                                           double longest, double now) const {
  const double queued = tenant.queue.backlog().tasks(), room = RoomFor(tenant);
  if (queued <= room) return {.rung = TenantLoad::kNoCap};
  const double soon = std::min(Horizon(tenant, now), rate_seconds_);
  WeightedCurve arrivals = tenant.ArrivalsIn(soon, now);
  arrivals.factor *= std::min(1.0, (queued / room - 1) / (kRoomEnd - 1));
  const double too_many = std::max(0.0, 1 - kRoomEnd * room / queued);
  const WeightedCurve tasks[] = {{&tenant.queue.backlog(), too_many}, arrivals};
  return CapFor(tenant, model, tasks, longest, soon);
}

Governor::CapAtPresent Governor::CapNow(const TenantLoad& tenant, LatencyModel& model,
                                        double longest, double now) const {
  CapAtPresent cap = CapInTime(tenant, model, longest, now);
  const CapAtPresent in_room = CapInRoom(tenant, model, longest, now);
  cap.rung = std::min({cap.rung, in_room.rung, tenant.cap});
  cap.cost = std::max(cap.cost, in_room.cost);
  return cap;
}

bool Governor::TooLate(const TenantLoad& tenant, LatencyModel& model, int floor, double slack,
                       double now) const {
  if (model.BatchTime(floor, 1) > slack) return true;
  const double longest = LongestBatch(tenant);
  if (slack >= longest) return false;
  const double best = model.TaskTimes(longest)[floor];
  if (model.TaskTimes(slack)[floor] <= best * kInefficient) return false;
  return CapNow(tenant, model, slack, now).cost > 1;
}

}  // namespace snapvit
