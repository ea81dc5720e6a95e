// TenantSeries: the time series of one tenant.
#ifndef SNAPVIT_SERVER_TENANT_SERIES_H_
#define SNAPVIT_SERVER_TENANT_SERIES_H_

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include "server/label_grid.h"

namespace snapvit {

// What all tenants share: the families of their series.
struct TenantFamilies {
  explicit TenantFamilies(prometheus::Registry& registry);

  prometheus::Family<prometheus::Counter>& requests;
  prometheus::Family<prometheus::Counter>& items;
  prometheus::Family<prometheus::Counter>& degraded;
  prometheus::Family<prometheus::Counter>& shed;
  prometheus::Family<prometheus::Counter>& flops;
  prometheus::Family<prometheus::Histogram>& request_duration;
  prometheus::Family<prometheus::Histogram>& served_compute;
  prometheus::Family<prometheus::Histogram>& estimated_fidelity;
};

// They appear in scrapes when they are first looked at. Thread-safe.
struct TenantSeries {
  // `labels`: of each of them.
  TenantSeries(const prometheus::Labels& labels, TenantFamilies& families);

  // Series that are known in advance are there, as 0, from the first scrape on. Items appear with
  // the budgets that the ladder has.
  void Export();

  LabelGrid<prometheus::Counter> requests;
  LabelGrid<prometheus::Counter> items;
  LabelGrid<prometheus::Counter> degraded;
  LabelGrid<prometheus::Counter> shed;
  LabelGrid<prometheus::Counter> flops;
  LabelGrid<prometheus::Histogram> request_duration;
  LabelGrid<prometheus::Histogram> served_compute;
  LabelGrid<prometheus::Histogram> estimated_fidelity;
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_TENANT_SERIES_H_
