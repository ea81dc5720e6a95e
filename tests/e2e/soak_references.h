// SoakReferences: the images of a load, and what an idle server says about each at each rung.
#ifndef SNAPVIT_TESTS_E2E_SOAK_REFERENCES_H_
#define SNAPVIT_TESTS_E2E_SOAK_REFERENCES_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "snapvit/v1/inference.grpc.pb.h"
#include "snapvit/v1/models.pb.h"
#include "tests/e2e/soak_tally.h"

namespace snapvit {

// When the server sees that there is something wrong with an image.
enum class SoakFault { kNone, kAtArrival, kWhenDecoded };

struct SoakImage {
  v1::Image image;
  SoakFault fault = SoakFault::kNone;
};

// Checks are thread-safe.
class SoakReferences {
 public:
  // Asks for everything with the key of `tenant`, and counts that.
  SoakReferences(v1::Inference::Stub& stub, const v1::ModelInfo& model, const std::string& tenant,
                 SoakTally& tally);

  const std::vector<SoakImage>& images() const { return images_; }
  int good_images() const { return good_images_; }  // the first ones
  const v1::ModelInfo& model() const { return model_; }

  // The first values of the embedding of `image` at `rung`.
  void CheckEmbedding(int image, uint32_t rung, std::span<const float> values);
  void CheckLabels(int image, uint32_t rung, const v1::Labels& labels);

  uint64_t compared() const { return compared_; }
  uint64_t inexact() const { return inexact_; }

 private:
  using Key = std::pair<int, uint32_t>;  // image, rung

  void MakeImages();
  void Learn(v1::Inference::Stub& stub, const std::string& tenant, SoakTally& tally);
  void Check(const std::vector<float>& reference, std::span<const float> values, const char* what);

  const v1::ModelInfo model_;
  std::vector<SoakImage> images_;
  int good_images_ = 0;
  std::map<Key, std::vector<float>> embeddings_;
  std::map<Key, std::vector<float>> scores_;  // of the best classes
  std::atomic<uint64_t> compared_ = 0;
  std::atomic<uint64_t> inexact_ = 0;
};

}  // namespace snapvit

#endif  // SNAPVIT_TESTS_E2E_SOAK_REFERENCES_H_
