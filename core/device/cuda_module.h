// CudaModule: libsnapvit_cuda.so, loaded. It brings ATen's CUDA kernels into the process, which the
// programs themselves do not link, and answers questions about the GPUs.
#ifndef SNAPVIT_CORE_DEVICE_CUDA_MODULE_H_
#define SNAPVIT_CORE_DEVICE_CUDA_MODULE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/device/cuda_module_api.h"

namespace snapvit {

// Where to look for the module.
struct CudaModuleSearch {
  std::string file;               // the module itself; empty: look into the folders
  std::string executable_folder;  // looked into itself, and its sibling lib/

  // The variable SNAPVIT_CUDA_MODULE, and the folder of the running program.
  static CudaModuleSearch OfProcess();
};

// The module's path. NOT_FOUND, saying where it was looked for.
absl::StatusOr<std::string> FindCudaModule(const CudaModuleSearch& search);

// A loaded module stays loaded until the process ends, since ATen keeps pointers into it: copies of
// this class are all the same. Thread-safe.
class CudaModule {
 public:
  struct Memory {
    uint64_t free_bytes = 0;
    uint64_t total_bytes = 0;
  };

  // FAILED_PRECONDITION, with the loader's words, if `path` or a library that it needs cannot be
  // loaded, or if it is no module of this build. Call before the first computation of the process:
  // ATen looks for CUDA once and remembers that it found none.
  static absl::StatusOr<CudaModule> Load(const std::string& path);

  // Usable GPUs. FAILED_PRECONDITION with the driver's reason if there can be none.
  absl::StatusOr<int> DeviceCount() const;
  // INTERNAL, with CUDA's words, if the GPU `index` does not exist or does not answer.
  absl::StatusOr<std::string> DeviceName(int index) const;
  absl::StatusOr<Memory> DeviceMemory(int index) const;
  absl::Status Synchronize(int index) const;

 private:
  explicit CudaModule(const SnapvitCudaApi& api) : api_(&api) {}

  const SnapvitCudaApi* api_;
};

}  // namespace snapvit

#endif  // SNAPVIT_CORE_DEVICE_CUDA_MODULE_H_
