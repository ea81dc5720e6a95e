// CudaModule: libsnapvit_cuda.so, loaded. It brings ATen's CUDA kernels into the process, which the
// programs themselves do not link, and does what ATen does not offer without linking them:
// questions about the GPUs, CUDA graphs, and kernels of our own.
#ifndef SNAPVIT_CORE_DEVICE_CUDA_MODULE_H_
#define SNAPVIT_CORE_DEVICE_CUDA_MODULE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/device/cuda_module_api.h"

namespace snapvit {

// Where to look for the module.
struct CudaModuleSearch {
  std::string file;               // the module itself; empty: look into the folders
  std::string executable_folder;  // looked into itself, and its sibling lib/
  // Library of the driver, without which DeviceRequest::kAuto loads no module: that takes a second
  // and memory. Empty: not looked for.
  std::string driver;

  // The variable SNAPVIT_CUDA_MODULE, the folder of the running program, libcuda.so.1.
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

  // Whether the module was built with nvcc. REQUIRED by the two functions after it, which give work
  // to the calling thread's present stream of the GPU and return; INTERNAL with CUDA's words.
  bool has_kernels() const { return api_->add_norm != nullptr; }
  absl::Status AddNorm(int index, const SnapvitAddNorm& call) const;
  absl::Status GatherPatches(int index, const SnapvitPatches& call) const;

  // Work that is given to a stream as a whole. Thread-compatible.
  class Graph {
   public:
    Graph(Graph&& other) noexcept
        : api_(other.api_),
          work_(std::move(other.work_)),
          handle_(std::exchange(other.handle_, nullptr)) {}
    Graph& operator=(Graph&&) = delete;
    ~Graph() {
      if (handle_ != nullptr) api_->graph_free(handle_);
    }

    // Gives the work to the thread's present stream. INTERNAL with CUDA's words.
    absl::Status Replay() const;

   private:
    friend class CudaModule;
    struct Work {
      std::function<absl::Status()> body;
      absl::Status outcome;
    };
    Graph(const SnapvitCudaApi* api, std::unique_ptr<Work> work)
        : api_(api), work_(std::move(work)) {}

    const SnapvitCudaApi* api_;
    std::unique_ptr<Work> work_;  // lives as long as the handle
    void* handle_ = nullptr;
  };

  // Runs `body`, which gives work to the thread's present stream, not the default one, waits for
  // nothing and throws nothing, and keeps that work. What it allocates is taken from memory that
  // the graph keeps, or from that of `share`: graphs that share run one after the other, and what
  // must outlive a run is copied elsewhere by `body`. `body`'s error, or INTERNAL with CUDA's
  // words.
  absl::StatusOr<Graph> Capture(int index, std::function<absl::Status()> body,
                                const Graph* share) const;

 private:
  explicit CudaModule(const SnapvitCudaApi& api) : api_(&api) {}

  const SnapvitCudaApi* api_;
};

}  // namespace snapvit

#endif  // SNAPVIT_CORE_DEVICE_CUDA_MODULE_H_
