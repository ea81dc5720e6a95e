#include "tests/e2e/soak_requests.h"

#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/sha256.h"

namespace snapvit {
namespace {

const char* const kStayers[] = {kWalkIn, "search", "backfill", "metered"};
constexpr uint32_t kBestClasses = 3;

std::string TenantText(const std::string& name, const std::string& settings) {
  Sha256 hash;
  const std::string key = SoakKeyOf(name);
  hash.Add(key.data(), key.size());
  return absl::StrCat("  ", name, ":\n    keys: sha256:", hash.HexDigest(), "\n", settings);
}

// Other tenants' requests may be refused before their images are looked at.
bool HasFaults(Random& random, const std::string& tenant) {
  return tenant == kWalkIn && random.Below(3) == 0;
}

// Adds images to `request`; their indices. Of a request that fails as a whole a caller cannot tell
// whether one of its images was found to be broken before: such an image comes alone.
template <typename Request>
std::vector<int> AddImages(Random& random, const SoakReferences& references, bool with_faults,
                           Request& request) {
  std::vector<int> indices;
  const int count = 1 + random.Below(random.Below(4) + 1);
  while (static_cast<int>(indices.size()) < count) {
    const std::vector<SoakImage>& images = references.images();
    const int choice = with_faults ? static_cast<int>(images.size()) : references.good_images();
    const int index = random.Below(choice);
    const bool alone = images[index].fault == SoakFault::kWhenDecoded;
    if (alone && !indices.empty()) continue;
    indices.push_back(index);
    *request.add_images() = images[index].image;
    if (alone) break;
  }
  return indices;
}

}  // namespace

std::string SoakTenants(double gflop) {
  return absl::StrCat(
      "tenants:\n", TenantText(kWalkIn, ""),
      TenantText("search",
                 "    weight: 3\n    default_budget: 0.8\n    floor: 0.5\n    ceiling: 0.9\n"),
      TenantText("backfill", "    priority: batch\n    concurrency: 24\n"),
      TenantText("metered", absl::StrCat("    rate_gflops: ", 60 * gflop, "\n")),
      TenantText(kLeaver, ""));
}

std::string SoakKeyOf(const std::string& tenant) { return tenant + "-key"; }

std::string PickTenant(Random& random) {
  return random.Below(8) == 0 ? kLeaver : kStayers[random.Below(4)];
}

v1::Budget PickBudget(Random& random, const v1::ModelInfo& model) {
  v1::Budget budget;
  switch (random.Below(12)) {
    case 0:
    case 1:
      break;  // the tenant's default
    case 2:
      budget.set_sparsity(random.Uniform(0, 0.7));
      break;
    case 3:
      budget.set_gflops(model.gflops() * random.Uniform(0.2, 1.1));
      break;
    case 4:
      budget.mutable_latency()->set_nanos(1 + random.Below(100'000'000));
      break;
    case 5:
      budget.set_fidelity(random.Uniform(0.8, 1));
      break;
    case 6:
      budget.mutable_ratios()->set_mlp(random.Uniform(0, 0.6));
      budget.mutable_ratios()->set_heads(random.Uniform(0, 0.6));
      break;
    default:
      budget.set_compute(random.Uniform(0.2, 1));
  }
  if (random.Below(6) == 0) budget.set_floor_compute(random.Uniform(0.2, 0.9));
  if (random.Below(12) == 0) budget.set_strict(true);
  return budget;
}

SoakRequest<v1::EmbedRequest> RandomEmbed(Random& random, const SoakReferences& references) {
  const std::string tenant = PickTenant(random);
  v1::EmbedRequest request;
  const std::vector<int> images = AddImages(random, references, HasFaults(random, tenant), request);
  *request.mutable_budget() = PickBudget(random, references.model());
  request.set_id(absl::StrCat(random.Bits()));
  // Several may end for several reasons, of which a caller is told one.
  if (images.size() == 1 && random.Below(4) == 0) {
    request.mutable_timeout()->set_nanos(1 + random.Below(60'000'000));
  }
  if (random.Below(8) == 0) request.mutable_output()->set_dimensions(1 + random.Below(8));
  return {tenant, std::move(request), images};
}

SoakRequest<v1::ClassifyRequest> RandomClassify(Random& random, const SoakReferences& references) {
  const std::string tenant = PickTenant(random);
  v1::ClassifyRequest request;
  const std::vector<int> images = AddImages(random, references, HasFaults(random, tenant), request);
  *request.mutable_budget() = PickBudget(random, references.model());
  request.set_top_k(kBestClasses);
  return {tenant, std::move(request), images};
}

SoakRequest<inference::ModelInferRequest> RandomInfer(Random& random,
                                                      const SoakReferences& references) {
  const std::string tenant = PickTenant(random);
  int image = 0;
  do {
    image = random.Below(references.good_images());
  } while (!references.images()[image].image.has_encoded());
  inference::ModelInferRequest request;
  request.set_model_name(references.model().name());
  request.set_id(absl::StrCat(random.Bits()));
  auto* input = request.add_inputs();
  input->set_name("image");
  input->set_datatype("BYTES");
  input->add_shape(1);
  input->mutable_contents()->add_bytes_contents(references.images()[image].image.encoded());
  request.add_outputs()->set_name("embedding");
  (*request.mutable_parameters())["budget"].set_double_param(random.Uniform(0.2, 1));
  return {tenant, std::move(request), {image}};
}

SoakRequest<v1::EmbedRequest> RandomMalformed(Random& random, const SoakReferences& references) {
  std::string tenant = kWalkIn;
  v1::EmbedRequest request;
  *request.add_images() = references.images()[0].image;
  switch (random.Below(7)) {
    case 0:
      request.mutable_budget()->set_compute(random.Uniform(1.5, 9));
      break;
    case 1:
      request.mutable_budget()->set_compute(std::numeric_limits<double>::quiet_NaN());
      break;
    case 2:
      request.set_model("another");
      break;
    case 3:
      request.clear_images();
      break;
    case 4:
      for (int i = 0; i < 200; ++i) request.add_images();
      break;
    case 5:
      request.mutable_output()->set_dimensions(1'000'000);
      break;
    default:
      tenant = kStranger;
  }
  return {tenant, std::move(request), {}};
}

}  // namespace snapvit
