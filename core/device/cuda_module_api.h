// The C interface between the programs and libsnapvit_cuda.so: one exported function, which gives a
// table. C, so that a module of another compiler or build is recognised instead of misread.
//
// Every function returns 0, or anything else after writing a message, cut to `error_size` bytes
// with its final NUL, to `error`. None throws. All may be called from any thread.
#ifndef SNAPVIT_CORE_DEVICE_CUDA_MODULE_API_H_
#define SNAPVIT_CORE_DEVICE_CUDA_MODULE_API_H_

#include <stddef.h>
#include <stdint.h>

extern "C" {

// Changes with every change of SnapvitCudaApi.
inline constexpr uint32_t kSnapvitCudaApiVersion = 1;
inline constexpr char kSnapvitCudaApiSymbol[] = "snapvit_cuda_api";

struct SnapvitCudaApi {
  uint32_t version;  // first in every version

  // Usable GPUs, 0 or more. Where the driver says why there are none, that is an error.
  int (*device_count)(int* count, char* error, size_t error_size);
  // The product's name, cut to `name_size` bytes with its final NUL. Takes no memory of the GPU.
  int (*device_name)(int index, char* name, size_t name_size, char* error, size_t error_size);
  // Memory of the GPU that no process uses, and all of it. Opens a context there, which takes some
  // hundred MB.
  int (*device_memory)(int index, uint64_t* free_bytes, uint64_t* total_bytes, char* error,
                       size_t error_size);
  // Waits for all work that was given to the GPU. Its errors are also those of that work.
  int (*synchronize)(int index, char* error, size_t error_size);
};

typedef const SnapvitCudaApi* SnapvitCudaApiFunction();

}  // extern "C"

#endif  // SNAPVIT_CORE_DEVICE_CUDA_MODULE_API_H_
