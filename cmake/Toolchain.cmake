# Compiler-wide settings: build type, compiler cache and linker if there, warnings, sanitizers.
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

find_program(SNAPVIT_CCACHE ccache)
if(SNAPVIT_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${SNAPVIT_CCACHE})
endif()
find_program(SNAPVIT_MOLD mold)
if(SNAPVIT_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

# Ours only (snapvit_library and the programs); third-party headers are SYSTEM.
set(SNAPVIT_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
    -Wno-missing-field-initializers -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  list(APPEND SNAPVIT_WARNINGS -Wno-restrict)  # g++ 12 sees it in std::string operator+ (GCC bug 105329)
endif()
if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
  list(APPEND SNAPVIT_WARNINGS -Wthread-safety -Wthread-safety-beta)
endif()

# Everywhere, so that all targets have equal macros: what is precompiled fits them all.
add_compile_options(-pthread)

# Tests are compiled more often than they run for long; what they test keeps its optimisation.
set(SNAPVIT_TEST_OPTIONS $<$<CONFIG:Release>:-O1> $<$<CONFIG:RelWithDebInfo>:-O0>)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  # g++ 12 at -O1 sees overflows in std::string operator+, as -Wno-restrict is about.
  list(APPEND SNAPVIT_TEST_OPTIONS -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread)
endif()

# Bit-exact resize and reproducible orderings need every a*b+c to be rounded twice.
add_compile_options(-ffp-contract=off)

if(SNAPVIT_SANITIZER)
  add_compile_definitions(SNAPVIT_SANITIZED)  # tests of many rounds do fewer
endif()
if(SNAPVIT_SANITIZER STREQUAL "address")
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
  if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
    set(SNAPVIT_FUZZ ON)  # tests/fuzz search with libFuzzer, which our libraries tell the branches that they take
    set(SNAPVIT_COVERAGE -fsanitize=fuzzer-no-link)
  endif()
elseif(SNAPVIT_SANITIZER STREQUAL "thread")
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer)
  add_link_options(-fsanitize=thread -rdynamic)  # tests/testing/tsan_mutex.cc comes before the library's functions
elseif(SNAPVIT_SANITIZER)
  message(FATAL_ERROR "SNAPVIT_SANITIZER is '${SNAPVIT_SANITIZER}', expected empty, address or thread")
endif()
