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

// Changes with every change of what is below.
inline constexpr uint32_t kSnapvitCudaApiVersion = 2;
inline constexpr char kSnapvitCudaApiSymbol[] = "snapvit_cuda_api";

// Rows of elements of the execution dtype, bf16 or f32.
enum SnapvitElement { kSnapvitF32 = 0, kSnapvitBf16 = 1 };

// x += scale·added, and out = norm(x): what lies between two matrix products, in one pass over x.
// All rows are `dim` elements long and follow one another; all pointers are to the GPU's memory.
struct SnapvitAddNorm {
  float* x;  // [rows, dim], changed in place
  int64_t rows;
  int dim;
  const void* added;  // [rows, dim], or null: nothing is added
  SnapvitElement added_element;
  int added_is_row;     // not 0: `added` is [dim], the same for each row
  const float* scale;   // [dim], or null: 1
  const float* weight;  // [dim] of the norm, as `bias`; null: out is not written
  const float* bias;
  float eps;
  void* out;  // [rows, dim]
  SnapvitElement out_element;
};

// Pixels of non-overlapping patches as rows: out[(image, i, j), (channel, y, x)].
struct SnapvitPatches {
  const float* pixels;  // [images, 3, height, width]
  int images;
  int height, width;  // multiples of `patch`
  int patch;
  void* out;  // [images·(height/patch)·(width/patch), 3·patch·patch]
  SnapvitElement out_element;
};

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
  // Waits for the work that was given to the calling thread's present stream of the GPU. Its errors
  // are also those of earlier work, of any stream, after which the GPU does nothing more for the
  // process.
  int (*synchronize)(int index, char* error, size_t error_size);

  // The module's own kernels, given to the calling thread's present stream of the GPU. Null in a
  // module that was built without nvcc: ATen does the same, slower.
  int (*add_norm)(int index, const SnapvitAddNorm* call, char* error, size_t error_size);
  int (*gather_patches)(int index, const SnapvitPatches* call, char* error, size_t error_size);

  // Runs `body(context)`, which gives work to the thread's present stream (not the default one) and
  // waits for nothing, and keeps that work as a graph. `body` returns 0, or anything else if it
  // failed; it and `context` stay valid until the graph is freed. Graphs that `share` another's
  // memory run one after the other, and leave nothing in that memory for later.
  int (*graph_capture)(int index, int (*body)(void*), void* context, void* share, void** graph,
                       char* error, size_t error_size);
  // Gives the graph's work to the present stream once more.
  int (*graph_replay)(void* graph, char* error, size_t error_size);
  void (*graph_free)(void* graph);
};

typedef const SnapvitCudaApi* SnapvitCudaApiFunction();

}  // extern "C"

#endif  // SNAPVIT_CORE_DEVICE_CUDA_MODULE_API_H_
