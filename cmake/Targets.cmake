# snapvit_library(NAME SOURCES … DEPENDS … [PRIVATE_DEPENDS …] [TORCH])
#   TORCH: its sources include ATen.
#   One static library a folder (two where only a part needs LibTorch). Includes are relative to the
#   repository root. A dependency that is not named here fails to link: the layering of docs/design.md
#   is kept by the build.
function(snapvit_library name)
  cmake_parse_arguments(arg "TORCH" "" "SOURCES;DEPENDS;PRIVATE_DEPENDS" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  target_include_directories(${name} PUBLIC $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}>)
  target_compile_options(${name} PRIVATE ${SNAPVIT_COVERAGE} ${SNAPVIT_WARNINGS})
  target_link_libraries(${name} PUBLIC ${arg_DEPENDS} PRIVATE ${arg_PRIVATE_DEPENDS})
  if(arg_TORCH)
    snapvit_precompiled(${name} torch)
  endif()
endfunction()

# snapvit_executable(NAME SOURCES … DEPENDS …)
function(snapvit_executable name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
  target_compile_options(${name} PRIVATE ${SNAPVIT_WARNINGS})
  target_link_libraries(${name} PRIVATE ${arg_DEPENDS})
  if(SNAPVIT_SANITIZER STREQUAL "thread")
    target_sources(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests/testing/tsan_mutex.cc)
    target_link_libraries(${name} PRIVATE absl::synchronization ${CMAKE_DL_LIBS})
  endif()
endfunction()

# snapvit_manual_files(NAME COMPONENT)
#   The manual page and the shells' completion of an executable that has --manual: in share/ of the build, and installed with
#   that component.
function(snapvit_manual_files name component)
  include(GNUInstallDirs)
  set(_man ${CMAKE_INSTALL_MANDIR}/man1/${name}.1)
  set(_bash ${CMAKE_INSTALL_DATADIR}/bash-completion/completions/${name})
  set(_zsh ${CMAKE_INSTALL_DATADIR}/zsh/site-functions/_${name})
  set(_fish ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d/${name}.fish)
  foreach(_form man bash zsh fish)
    set(_file ${CMAKE_BINARY_DIR}/${_${_form}})
    get_filename_component(_folder ${_file} DIRECTORY)
    add_custom_command(OUTPUT ${_file} DEPENDS ${name} VERBATIM
      COMMAND ${CMAKE_COMMAND} -E make_directory ${_folder}
      COMMAND ${name} --manual ${_form} > ${_file})
    list(APPEND _files ${_file})
    get_filename_component(_destination ${_${_form}} DIRECTORY)
    install(FILES ${_file} DESTINATION ${_destination} COMPONENT ${component})
  endforeach()
  add_custom_target(${name}-manual-files ALL DEPENDS ${_files})
endfunction()

# snapvit_test(NAME SOURCES … DEPENDS … [LABELS …] [CALLS_GRPC] [TORCH])
#   CALLS_GRPC: not built for ThreadSanitizer, which sees races in every call of the system's gRPC, whose own
#   synchronisation is not instrumented.
#   One GoogleTest binary a folder. Tests run with SNAPVIT_TESTDATA = tests/testdata and, where it lies
#   beside the checkout, SNAPVIT_SHARED = the folder of shared data (tests that need it skip aloud without).
function(snapvit_test name)
  cmake_parse_arguments(arg "CALLS_GRPC;TORCH" "" "SOURCES;DEPENDS;LABELS" ${ARGN})
  if(arg_CALLS_GRPC AND SNAPVIT_SANITIZER STREQUAL "thread")
    message(STATUS "${name} is left out: gRPC is not instrumented for ThreadSanitizer")
    return()
  endif()
  snapvit_executable(${name} SOURCES ${arg_SOURCES} DEPENDS ${arg_DEPENDS} GTest::gmock GTest::gtest GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE
    SNAPVIT_SOURCE_DIR="${CMAKE_SOURCE_DIR}" SNAPVIT_BIN_DIR="${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  target_compile_options(${name} PRIVATE ${SNAPVIT_TEST_OPTIONS})
  if(arg_TORCH)
    snapvit_precompiled(${name} torch_test)
  else()
    snapvit_precompiled(${name} test)
  endif()
  set(_properties TIMEOUT 300)
  if(arg_LABELS)
    list(APPEND _properties LABELS "${arg_LABELS}")
  endif()
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 PROPERTIES ${_properties})
  # Tests run side by side, one a core: threads of LibTorch would only wait for each other. Set when ctest reads the
  # discovered tests: as one of the properties above a list falls apart, and all but its first variable is lost.
  file(CONFIGURE OUTPUT ${name}_environment.cmake CONTENT [[
if(@name@_TESTS)
  set_tests_properties(${@name@_TESTS} PROPERTIES ENVIRONMENT
    "TSAN_OPTIONS=suppressions=@CMAKE_SOURCE_DIR@/tests/testing/tsan_suppressions.txt;GOMP_SPINCOUNT=0;OMP_NUM_THREADS=1")
endif()
]] @ONLY)
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES ${CMAKE_CURRENT_BINARY_DIR}/${name}_environment.cmake)
endfunction()
