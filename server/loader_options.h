// How the server's options have a model loaded.
#ifndef SNAPVIT_SERVER_LOADER_OPTIONS_H_
#define SNAPVIT_SERVER_LOADER_OPTIONS_H_

#include "core/device/open_device.h"
#include "core/snapvit/elastic_loader.h"
#include "server/options.h"

namespace snapvit {

// On an opened device; what depends on how much it computes at a time is left to the caller.
ElasticLoaderOptions LoaderOptions(const ServerOptions& options, OpenedDevice device);

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_LOADER_OPTIONS_H_
