// Stands in for libsnapvit_cuda.so. FAKE_GPUS: how many it reports; below 0 the driver complains.
// The second GPU has a name and memory, but fails at everything that it is given to do.
#include <cstdio>
#include <cstring>

#include "core/device/cuda_module_api.h"

#ifndef FAKE_VERSION
#define FAKE_VERSION kSnapvitCudaApiVersion
#endif
#ifndef FAKE_SYMBOL
#define FAKE_SYMBOL snapvit_cuda_api
#endif

namespace {

int DeviceCount(int* count, char* error, size_t error_size) {
  if (FAKE_GPUS < 0) {
    std::snprintf(error, error_size, "the driver is too old");
    return 1;
  }
  *count = FAKE_GPUS;
  return 0;
}

int DeviceName(int index, char* name, size_t name_size, char*, size_t) {
  std::snprintf(name, name_size, "Fake GPU %d", index);
  return 0;
}

int DeviceMemory(int index, uint64_t* free_bytes, uint64_t* total_bytes, char*, size_t) {
  *free_bytes = 1000 * static_cast<uint64_t>(index + 1);
  *total_bytes = 2000 * static_cast<uint64_t>(index + 1);
  return 0;
}

int Synchronize(int index, char* error, size_t error_size) {
  if (index == 0) return 0;
  std::snprintf(error, error_size, "an illegal memory access was encountered");
  return 1;
}

const SnapvitCudaApi kApi = {FAKE_VERSION, DeviceCount, DeviceName, DeviceMemory, Synchronize};

}  // namespace

extern "C" __attribute__((visibility("default"))) const SnapvitCudaApi* FAKE_SYMBOL() {
  return &kApi;
}
