// Profiles for an engine that only pretends. What is accepted makes a model with a time for every
// rung.
#include <string>

#include "server/simulated_engine.h"
#include "server/simulated_profile.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto profile = snapvit::ParseSimulatedProfile(std::string(snapvit::AsText(data, size)));
  if (!profile.ok()) return 0;
  for (const snapvit::Rung& rung : profile->ladder.rungs()) {
    CHECK_THAT(profile->latency.BatchTime(rung.index, 1) > absl::ZeroDuration());
  }
  const auto model = snapvit::MakeSimulatedModel(*profile, "fuzzed", std::nullopt);
  CHECK_THAT(model.ok());
  return 0;
}
