# Precompiled headers: most of a first build is reading the same few big headers. Left out where ccache does the same better.
#   ON  a set is compiled once and shared by all targets of its kind (which have equal flags, as compilers ask)
option(SNAPVIT_PCH "Precompile big headers; not with ccache, whose cache they would defeat" ON)
if(SNAPVIT_CCACHE AND NOT "$ENV{CCACHE_DISABLE}")
  set(SNAPVIT_PCH OFF)
endif()

set(_empty ${CMAKE_BINARY_DIR}/precompiled.cc)
file(CONFIGURE OUTPUT ${_empty} CONTENT "int main() { return 0; }\n")

# _snapvit_pch_set(NAME KIND HEADERS … DEPENDS …): KIND is LIBRARY or PROGRAM, which differ in -fPIC and -fPIE.
function(_snapvit_pch_set name kind)
  cmake_parse_arguments(arg "" "" "HEADERS;DEPENDS;DEFINITIONS" ${ARGN})
  if(kind STREQUAL LIBRARY)
    add_library(${name} OBJECT EXCLUDE_FROM_ALL ${_empty})
  else()
    add_executable(${name} EXCLUDE_FROM_ALL ${_empty})
  endif()
  target_link_libraries(${name} PRIVATE ${arg_DEPENDS})
  target_compile_definitions(${name} PRIVATE ${arg_DEFINITIONS})
  target_compile_options(${name} PRIVATE ${SNAPVIT_WARNINGS})
  if(kind STREQUAL PROGRAM)
    target_compile_options(${name} PRIVATE ${SNAPVIT_TEST_OPTIONS})
  endif()
  target_precompile_headers(${name} PRIVATE ${arg_HEADERS})
endfunction()

# snapvit_precompiled(TARGET SET): lets TARGET start from one of the sets: torch, test, torch_test.
function(snapvit_precompiled target set)
  if(SNAPVIT_PCH)
    target_precompile_headers(${target} REUSE_FROM snapvit_pch_${set})
  endif()
endfunction()

if(SNAPVIT_PCH)
  set(_test_definitions
    SNAPVIT_SOURCE_DIR="${CMAKE_SOURCE_DIR}" SNAPVIT_BIN_DIR="${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
  if(SNAPVIT_TORCH)
    _snapvit_pch_set(snapvit_pch_torch LIBRARY DEPENDS snapvit::torch HEADERS <ATen/ATen.h>)
  endif()
  if(SNAPVIT_TESTS)
    set(_test_headers <gmock/gmock.h> <gtest/gtest.h>)
    _snapvit_pch_set(snapvit_pch_test PROGRAM DEPENDS GTest::gmock GTest::gtest
      DEFINITIONS ${_test_definitions} HEADERS ${_test_headers})
    if(SNAPVIT_TORCH)
      _snapvit_pch_set(snapvit_pch_torch_test PROGRAM DEPENDS GTest::gmock GTest::gtest snapvit::torch
        DEFINITIONS ${_test_definitions} HEADERS <ATen/ATen.h> ${_test_headers})
    endif()
  endif()
endif()
