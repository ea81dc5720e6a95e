# Target snapvit::torch: the CPU part of the torch wheel (docs/design.md, "LibTorch").
# SNAPVIT_TORCH_DIR (variable or environment) names a folder with lib/ and include/, such as
# site-packages/torch of an installed torch 2.11; the default is what scripts/setup.sh unpacked.
set(_default ${CMAKE_SOURCE_DIR}/build/deps/torch)
if(DEFINED ENV{SNAPVIT_TORCH_DIR})
  set(_default $ENV{SNAPVIT_TORCH_DIR})
endif()
set(SNAPVIT_TORCH_DIR ${_default} CACHE PATH "folder of the torch package: lib/, include/")
if(NOT EXISTS ${SNAPVIT_TORCH_DIR}/lib/libtorch_cpu.so)
  message(FATAL_ERROR "No lib/libtorch_cpu.so under SNAPVIT_TORCH_DIR=${SNAPVIT_TORCH_DIR}. "
    "Run scripts/setup.sh, or set SNAPVIT_TORCH_DIR to the torch folder of an installed torch 2.11.")
endif()
get_filename_component(_torch ${SNAPVIT_TORCH_DIR} REALPATH)
set(SNAPVIT_TORCH_REAL_DIR ${_torch})

# The wheel's include folder also holds an old protobuf and other headers that would shadow the
# system's, so only these are seen, through a folder of links.
set(_include ${CMAKE_BINARY_DIR}/torch-include)
file(MAKE_DIRECTORY ${_include})
foreach(_dir ATen c10 torch caffe2)
  file(CREATE_LINK ${_torch}/include/${_dir} ${_include}/${_dir} SYMBOLIC)
endforeach()

add_library(snapvit_torch INTERFACE)
add_library(snapvit::torch ALIAS snapvit_torch)
target_include_directories(snapvit_torch SYSTEM INTERFACE ${_include})
target_link_options(snapvit_torch INTERFACE
  -L${_torch}/lib -Wl,-rpath-link,${_torch}/../nvidia/cu13/lib)
target_link_libraries(snapvit_torch INTERFACE torch_cpu c10)
# Of all that is built from here on; installed programs have another (Install.cmake).
set(CMAKE_BUILD_RPATH ${_torch}/lib)

# The OpenMP runtime of the wheel: the only one of a process that links it.
add_library(snapvit::torch_openmp INTERFACE IMPORTED GLOBAL)
file(GLOB _gomp ${_torch}/lib/libgomp*.so*)
target_link_libraries(snapvit::torch_openmp INTERFACE ${_gomp})
