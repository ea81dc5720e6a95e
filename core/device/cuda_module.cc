#include "core/device/cuda_module.h"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace snapvit {
namespace {

namespace fs = std::filesystem;

constexpr char kFileName[] = "libsnapvit_cuda.so";
constexpr size_t kTextSize = 512;  // of messages and names

bool Exists(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
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
  char error[kTextSize] = "";
  if (api_->device_name(index, name, sizeof(name), error, sizeof(error)) == 0) return name;
  return absl::InternalError(absl::StrCat("cuda:", index, ": ", error));
}

absl::StatusOr<CudaModule::Memory> CudaModule::DeviceMemory(int index) const {
  Memory memory;
  char error[kTextSize] = "";
  if (api_->device_memory(index, &memory.free_bytes, &memory.total_bytes, error, sizeof(error)) ==
      0) {
    return memory;
  }
  return absl::InternalError(absl::StrCat("cuda:", index, ": ", error));
}

absl::Status CudaModule::Synchronize(int index) const {
  char error[kTextSize] = "";
  if (api_->synchronize(index, error, sizeof(error)) == 0) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("cuda:", index, ": ", error));
}

}  // namespace snapvit
