#include "core/device/cuda_module.h"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace snapvit {
namespace {

namespace fs = std::filesystem;

constexpr char kFileName[] = "libsnapvit_cuda.so";
constexpr size_t kTextSize = 512;  // of messages and names

bool Exists(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

// Runs `call(error, size)`, of the table, for a GPU.
template <typename Call>
absl::Status OnGpu(int index, const Call& call) {
  char error[kTextSize] = "";
  if (call(error, sizeof(error)) == 0) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("cuda:", index, ": ", error));
}

std::string LoaderError() {
  const char* const error = dlerror();
  return error != nullptr ? error : "no reason was given";
}

}  // namespace

CudaModuleSearch CudaModuleSearch::OfProcess() {
  CudaModuleSearch search;
  if (const char* const file = std::getenv("SNAPVIT_CUDA_MODULE"); file != nullptr) {
    search.file = file;
  }
  search.driver = "libcuda.so.1";
  std::error_code error;  // without /proc only the variable helps
  search.executable_folder = fs::read_symlink("/proc/self/exe", error).parent_path().string();
  return search;
}

absl::StatusOr<std::string> FindCudaModule(const CudaModuleSearch& search) {
  if (!search.file.empty()) {
    if (Exists(search.file)) return search.file;
    return absl::NotFoundError(
        absl::StrCat("SNAPVIT_CUDA_MODULE is '", search.file, "', and there is no such file"));
  }
  const fs::path beside = search.executable_folder;
  const fs::path lib = (beside / ".." / "lib").lexically_normal();
  for (const fs::path& folder : {beside, lib}) {
    if (Exists(folder / kFileName)) return (folder / kFileName).string();
  }
  return absl::NotFoundError(absl::StrCat("the CUDA module is not built: no ", kFileName, " in ",
                                          beside.string(), " or ", lib.string(),
                                          " (scripts/build.sh release snapvit_cuda builds it)"));
}

absl::StatusOr<CudaModule> CudaModule::Load(const std::string& path) {
  // A path with a slash is never looked up in library folders. All symbols now: what is missing
  // then fails here, with its name, rather than in the middle of a computation.
  const std::string file = fs::absolute(path).string();
  void* const handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the CUDA module ", path, " could not be loaded: ", LoaderError(),
        " (it needs the CUDA libraries that torch 2.11 from PyPI installs; LD_LIBRARY_PATH can "
        "name the folder of their libtorch_cuda.so)"));
  }
  auto* const get_api =
      reinterpret_cast<SnapvitCudaApiFunction*>(dlsym(handle, kSnapvitCudaApiSymbol));
  const SnapvitCudaApi* const api = get_api != nullptr ? get_api() : nullptr;
  if (api == nullptr || api->version != kSnapvitCudaApiVersion) {
    const std::string found =
        api == nullptr ? "none" : absl::StrCat("version ", api->version, " of it");
    return absl::FailedPreconditionError(absl::StrCat(
        "the CUDA module ", path, " belongs to another build: this program needs version ",
        kSnapvitCudaApiVersion, " of its interface, it has ", found));
  }
  return CudaModule(*api);
}

absl::StatusOr<int> CudaModule::DeviceCount() const {
  int count = 0;
  char error[kTextSize] = "";
  if (api_->device_count(&count, error, sizeof(error)) == 0) return count;
  return absl::FailedPreconditionError(error);
}

absl::StatusOr<std::string> CudaModule::DeviceName(int index) const {
  char name[kTextSize] = "";
  RETURN_IF_ERROR(OnGpu(index, [&](char* error, size_t size) {
    return api_->device_name(index, name, sizeof(name), error, size);
  }));
  return name;
}

absl::StatusOr<CudaModule::Memory> CudaModule::DeviceMemory(int index) const {
  Memory memory;
  RETURN_IF_ERROR(OnGpu(index, [&](char* error, size_t size) {
    return api_->device_memory(index, &memory.free_bytes, &memory.total_bytes, error, size);
  }));
  return memory;
}

absl::Status CudaModule::Synchronize(int index) const {
  return OnGpu(index,
               [&](char* error, size_t size) { return api_->synchronize(index, error, size); });
}

absl::Status CudaModule::AddNorm(int index, const SnapvitAddNorm& call) const {
  return OnGpu(index,
               [&](char* error, size_t size) { return api_->add_norm(index, &call, error, size); });
}

absl::Status CudaModule::GatherPatches(int index, const SnapvitPatches& call) const {
  return OnGpu(index, [&](char* error, size_t size) {
    return api_->gather_patches(index, &call, error, size);
  });
}

absl::StatusOr<CudaModule::Graph> CudaModule::Capture(int index, std::function<absl::Status()> body,
                                                      const Graph* share) const {
  Graph graph(api_, std::make_unique<Graph::Work>());
  graph.work_->body = std::move(body);
  const auto run = [](void* context) {
    Graph::Work& work = *static_cast<Graph::Work*>(context);
    work.outcome = work.body();
    return work.outcome.ok() ? 0 : 1;
  };
  const absl::Status captured = OnGpu(index, [&](char* error, size_t size) {
    return api_->graph_capture(index, run, graph.work_.get(),
                               share != nullptr ? share->handle_ : nullptr, &graph.handle_, error,
                               size);
  });
  RETURN_IF_ERROR(graph.work_->outcome);
  RETURN_IF_ERROR(captured);
  return graph;
}

absl::Status CudaModule::Graph::Replay() const {
  char error[kTextSize] = "";
  if (api_->graph_replay(handle_, error, sizeof(error)) == 0) return absl::OkStatus();
  return absl::InternalError(error);
}

}  // namespace snapvit
