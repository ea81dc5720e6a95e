#include "core/elastic/batch_plan.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace snapvit {
namespace {

// What an image costs more when all threads share its rows (ViT-B, two threads: 5 to 20 %).
constexpr double kSharingFactor = 1.1;
// What a batch costs more when the images of its passes are of different views (ViT-B, AMX: 2 to
// 5 %).
constexpr double kMixingFactor = 1.03;

// An image that costs less than this share of another one has too little in common with it to gain
// from sharing its pass (ViT-B, AMX: nothing at 0.3, as much as is lost by mixing at 0.9).
constexpr double kSimilar = 0.5;

// Images of one cost that go to one thread.
struct Item {
  ImagePass images;
  double cost = 0;
};

// Images in this order, as many of one cost as `most` at once where there are so many.
std::vector<Item> MakeItems(const std::vector<int>& order, std::span<const double> costs,
                            size_t most) {
  std::vector<Item> items;
  for (size_t first = 0; first < order.size();) {
    size_t last = first + 1;
    while (last < order.size() && costs[order[last]] == costs[order[first]]) ++last;
    while (first < last) {
      const size_t count = last - first < most ? 1 : most;
      items.push_back({ImagePass(order.begin() + static_cast<int64_t>(first),
                                 order.begin() + static_cast<int64_t>(first + count)),
                       costs[order[first]] * static_cast<double>(count)});
      first += count;
    }
  }
  std::stable_sort(items.begin(), items.end(),
                   [](const Item& a, const Item& b) { return a.cost > b.cost; });
  return items;
}

// Which items which threads compute alone, and how long all takes.
struct Shares {
  std::vector<ImagePass> alone;
  ImagePass together;
  double time = 0;
};

// Of the first items more and more go to single threads.
Shares ShareOut(const std::vector<Item>& items, int threads) {
  double rest = 0;
  for (const Item& item : items) rest += item.cost;
  std::vector<double> busy(threads, 0.0);
  std::vector<size_t> thread_of;
  Shares shares;
  shares.alone.resize(threads);
  shares.time = rest / threads * kSharingFactor;
  size_t alone = 0;
  for (const Item& item : items) {
    const auto first_free = std::min_element(busy.begin(), busy.end());
    thread_of.push_back(static_cast<size_t>(first_free - busy.begin()));
    *first_free += item.cost;
    rest -= item.cost;
    const double time =
        *std::max_element(busy.begin(), busy.end()) + rest / threads * kSharingFactor;
    if (time <= shares.time) {
      shares.time = time;
      alone = thread_of.size();
    }
  }
  for (size_t i = 0; i < items.size(); ++i) {
    ImagePass& to = i < alone ? shares.alone[thread_of[i]] : shares.together;
    to.insert(to.end(), items[i].images.begin(), items[i].images.end());
  }
  return shares;
}

void MostExpensiveFirst(ImagePass& images, std::span<const double> costs) {
  std::sort(images.begin(), images.end(),
            [&](int a, int b) { return costs[a] != costs[b] ? costs[a] > costs[b] : a < b; });
}

// A thread's images in passes: first of one cost, then of what is left of each; a last single one
// joins the pass before.
std::vector<ImagePass> MakePasses(const ImagePass& images, std::span<const double> costs,
                                  size_t at_once) {
  std::vector<ImagePass> passes;
  ImagePass left;
  for (Item& item : MakeItems(images, costs, at_once)) {
    if (item.images.size() == at_once) {
      passes.push_back(std::move(item.images));
    } else {
      left.push_back(item.images.front());
    }
  }
  MostExpensiveFirst(left, costs);
  const auto similar = [&](const ImagePass& pass, int image) {
    const double most = std::max(costs[pass.front()], costs[image]);
    return std::min(costs[pass.front()], costs[image]) >= kSimilar * most;
  };
  for (const int image : left) {
    const bool is_last = image == left.back();
    if (passes.empty() || !similar(passes.back(), image) ||
        (passes.back().size() >= at_once && !is_last)) {
      passes.emplace_back();
    }
    passes.back().push_back(image);
  }
  for (ImagePass& pass : passes) MostExpensiveFirst(pass, costs);
  return passes;
}

}  // namespace

BatchPlan PlanBatch(std::span<const double> costs, int threads, int at_once) {
  std::vector<int> order(costs.size());
  std::iota(order.begin(), order.end(), 0);
  MostExpensiveFirst(order, costs);
  Shares shares = ShareOut(MakeItems(order, costs, /*most=*/1), threads);
  Shares unmixed = ShareOut(MakeItems(order, costs, at_once), threads);
  // Not by sharing more images: threads that share one wait for each other at every product.
  if (unmixed.time <= shares.time * kMixingFactor &&
      unmixed.together.size() <= shares.together.size()) {
    shares = std::move(unmixed);
  }
  BatchPlan plan;
  for (ImagePass& images : shares.alone) {
    MostExpensiveFirst(images, costs);
    plan.alone.push_back(MakePasses(images, costs, at_once));
  }
  plan.together = std::move(shares.together);
  MostExpensiveFirst(plan.together, costs);
  return plan;
}

}  // namespace snapvit
