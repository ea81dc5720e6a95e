# Target snapvit_cuda: lib/libsnapvit_cuda.so, the module that the programs load for a GPU (core/cuda/README.md).
# It needs the CUDA part of the torch wheel and the runtime's headers beside it, no CUDA toolkit and no GPU: what
# libtorch_cuda itself needs (cuDNN, cuBLAS, …) has to be there when it is loaded, not when it is linked. With nvcc (on the
# path, or CUDACXX; of the runtime's major version) it has kernels of our own; without, ATen does their work.
#   SNAPVIT_CUDA=OFF  the target is there if it can be built, but not part of a plain build
#   SNAPVIT_CUDA=ON   it is, and it is an error if it cannot be built
set(_missing "")
foreach(_file torch/lib/libtorch_cuda.so torch/lib/libc10_cuda.so nvidia/cu13/lib/libcudart.so.13
        nvidia/cu13/include/cuda_runtime_api.h)
  # The torch folder may have another name than torch; nvidia/ is its sibling, as pip installs them.
  string(REGEX REPLACE "^torch/" "${SNAPVIT_TORCH_REAL_DIR}/" _path ${_file})
  string(REGEX REPLACE "^nvidia/" "${SNAPVIT_TORCH_REAL_DIR}/../nvidia/" _path ${_path})
  if(NOT EXISTS ${_path})
    list(APPEND _missing ${_file})
  endif()
endforeach()
if(_missing)
  if(SNAPVIT_CUDA)
    message(FATAL_ERROR "SNAPVIT_CUDA=ON, but ${SNAPVIT_TORCH_DIR} and its sibling nvidia/ lack ${_missing}")
  endif()
  message(STATUS "No target snapvit_cuda: ${_missing} not found")
  return()
endif()

add_library(snapvit_cuda MODULE ${CMAKE_SOURCE_DIR}/core/cuda/snapvit_cuda.cc)
set(CMAKE_CUDA_ARCHITECTURES 80 90)  # of the GPUs with bf16 at full speed; newer ones compile 90's PTX as they load it
include(CheckLanguage)
check_language(CUDA)
if(CMAKE_CUDA_COMPILER)
  enable_language(CUDA)
endif()
if(CMAKE_CUDA_COMPILER AND CMAKE_CUDA_COMPILER_VERSION VERSION_GREATER_EQUAL 13 AND CMAKE_CUDA_COMPILER_VERSION VERSION_LESS 14)
  add_library(snapvit_row_kernels OBJECT EXCLUDE_FROM_ALL ${CMAKE_SOURCE_DIR}/core/cuda/row_kernels.cu)
  set_target_properties(snapvit_row_kernels PROPERTIES
    CUDA_STANDARD 17 CUDA_RUNTIME_LIBRARY None CUDA_VISIBILITY_PRESET hidden)  # CMake 3.25 knows no later standard for nvcc
  target_include_directories(snapvit_row_kernels PRIVATE ${CMAKE_SOURCE_DIR})
  # As -ffp-contract=off for the host: what is compared with the CPU rounds as often as there.
  target_compile_options(snapvit_row_kernels PRIVATE -fmad=false)
  target_sources(snapvit_cuda PRIVATE $<TARGET_OBJECTS:snapvit_row_kernels>)
  target_compile_definitions(snapvit_cuda PRIVATE SNAPVIT_ROW_KERNELS)
  set_target_properties(snapvit_cuda PROPERTIES CUDA_RUNTIME_LIBRARY None LINKER_LANGUAGE CXX)
else()
  message(STATUS "No nvcc of CUDA 13, torch's: the CUDA module has no kernels of its own, ATen's do their work")
endif()
if(NOT SNAPVIT_CUDA)
  set_target_properties(snapvit_cuda PROPERTIES EXCLUDE_FROM_ALL ON)
endif()
set_target_properties(snapvit_cuda PROPERTIES
  LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib  # from bin/ and tests/ it is ../lib
  CXX_VISIBILITY_PRESET hidden)
target_include_directories(snapvit_cuda PRIVATE ${CMAKE_SOURCE_DIR})
target_include_directories(snapvit_cuda SYSTEM PRIVATE ${SNAPVIT_TORCH_REAL_DIR}/../nvidia/cu13/include)
target_compile_options(snapvit_cuda PRIVATE ${SNAPVIT_WARNINGS})
# No symbol of libtorch_cuda is used, and yet it must be loaded: its kernels register themselves.
target_link_options(snapvit_cuda PRIVATE
  -Wl,--no-as-needed -Wl,--allow-shlib-undefined -L${SNAPVIT_TORCH_REAL_DIR}/../nvidia/cu13/lib)
target_link_libraries(snapvit_cuda PRIVATE snapvit::torch torch_cuda c10_cuda -l:libcudart.so.13)
