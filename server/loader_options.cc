#include "server/loader_options.h"

#include <utility>

namespace snapvit {

ElasticLoaderOptions LoaderOptions(const ServerOptions& options, OpenedDevice device) {
  ElasticLoaderOptions loader;
  loader.model_dir = options.model;
  loader.ordering_file = options.ordering;
  loader.cache_dir = options.cache_dir;
  loader.calibration = options.calibration;
  loader.ladder.rungs = options.rungs;
  loader.ladder.corrections = options.corrections;
  loader.dtype = options.dtype;
  loader.device = std::move(device);
  return loader;
}

}  // namespace snapvit
