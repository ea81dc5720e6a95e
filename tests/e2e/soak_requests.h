// What the callers of a load ask for, at random: tenants, and requests of every kind.
#ifndef SNAPVIT_TESTS_E2E_SOAK_REQUESTS_H_
#define SNAPVIT_TESTS_E2E_SOAK_REQUESTS_H_

#include <string>
#include <vector>

#include "core/base/random.h"
#include "inference/grpc_service.pb.h"
#include "snapvit/v1/inference.pb.h"
#include "tests/e2e/soak_references.h"

namespace snapvit {

inline constexpr char kWalkIn[] = "walkin";  // has no limits
// A tenant whose callers cancel their calls, or wait for too short a time: they do not see how the
// server has counted them.
inline constexpr char kLeaver[] = "leaver";
// What callers with an unknown key are counted as.
inline constexpr char kStranger[] = "other";

// The tenants file of a load. `gflop`: of one image on the dense model.
std::string SoakTenants(double gflop);
// The API key of a tenant; of kStranger, one that nobody has.
std::string SoakKeyOf(const std::string& tenant);

std::string PickTenant(Random& random);
v1::Budget PickBudget(Random& random, const v1::ModelInfo& model);

template <typename Request>
struct SoakRequest {
  std::string tenant;
  Request request;
  std::vector<int> images;  // of the references; empty: not understood, whatever it has
};

SoakRequest<v1::EmbedRequest> RandomEmbed(Random& random, const SoakReferences& references);
SoakRequest<v1::ClassifyRequest> RandomClassify(Random& random, const SoakReferences& references);
// One image a request: of several there is one receipt.
SoakRequest<inference::ModelInferRequest> RandomInfer(Random& random,
                                                      const SoakReferences& references);
// One that the server refuses.
SoakRequest<v1::EmbedRequest> RandomMalformed(Random& random, const SoakReferences& references);

}  // namespace snapvit

#endif  // SNAPVIT_TESTS_E2E_SOAK_REQUESTS_H_
