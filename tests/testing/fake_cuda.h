// Stand-ins for the CUDA module (tests/unit/core/device/fake_cuda_module.cc), whose GPU is the CPU.
#ifndef SNAPVIT_TESTS_TESTING_FAKE_CUDA_H_
#define SNAPVIT_TESTS_TESTING_FAKE_CUDA_H_

#include <string>

#include "core/device/cuda_module.h"

namespace snapvit {

// Built into a folder beside this program.
inline CudaModuleSearch FakeCuda(const std::string& name) {
  CudaModuleSearch search = CudaModuleSearch::OfProcess();
  search.driver.clear();
  search.file = search.executable_folder + "/modules/lib" + name + ".so";
  return search;
}

// With kernels and graphs, or without.
inline CudaModule LoadFakeCuda(const std::string& name = "two_gpus") {
  return *CudaModule::Load(FakeCuda(name).file);
}

}  // namespace snapvit

#endif  // SNAPVIT_TESTS_TESTING_FAKE_CUDA_H_
