# cmake --install, and what CPack packs, by component:
#   libtorch  LibTorch's libraries and what they load, in a folder of their own: $prefix/lib/snapvit
#   server    snapvit-server, its manual page and completion, its unit and the example configuration
#   client    the command line, its manual page and completion
#   dev       the C++ client library, its CMake package `snapvit-client`, and the .proto files
# Programs find libtorch by $ORIGIN: an installed tree may be moved as a whole.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(_doc ${CMAKE_INSTALL_DATADIR}/doc/snapvit)
# The wheels' own layout below it, because libtorch_cpu.so looks for its siblings there.
set(_private lib/snapvit)

if(SNAPVIT_TORCH)
  set_target_properties(snapvit snapvit-server PROPERTIES INSTALL_RPATH "$ORIGIN/../${_private}/torch/lib")
  install(TARGETS snapvit-server RUNTIME COMPONENT server)
  install(TARGETS snapvit RUNTIME COMPONENT client)
  install(FILES ${CMAKE_SOURCE_DIR}/LICENSE ${CMAKE_SOURCE_DIR}/README.md DESTINATION ${_doc} COMPONENT server)
  install(DIRECTORY ${CMAKE_SOURCE_DIR}/docs DESTINATION ${_doc} COMPONENT server PATTERN "*.py" EXCLUDE)
  install(DIRECTORY ${CMAKE_SOURCE_DIR}/deploy/systemd/ DESTINATION ${_doc}/systemd COMPONENT server OPTIONAL)
  install(FILES ${CMAKE_SOURCE_DIR}/deploy/systemd/snapvit-server.service
    DESTINATION lib/systemd/system COMPONENT server OPTIONAL)

  set(_cuda ${SNAPVIT_TORCH_REAL_DIR}/../nvidia/cu13/lib)
  install(FILES ${SNAPVIT_TORCH_REAL_DIR}/lib/libtorch_cpu.so ${SNAPVIT_TORCH_REAL_DIR}/lib/libc10.so
                ${SNAPVIT_TORCH_REAL_DIR}/lib/libgomp.so.1
    DESTINATION ${_private}/torch/lib COMPONENT libtorch)
  install(FILES ${_cuda}/libcudart.so.13 ${_cuda}/libcupti.so.13
    DESTINATION ${_private}/nvidia/cu13/lib COMPONENT libtorch)
  # What is inside, and where it comes from.
  find_package(Python3 REQUIRED COMPONENTS Interpreter)
  install(CODE "execute_process(
      COMMAND \"${Python3_EXECUTABLE}\" \"${CMAKE_SOURCE_DIR}/scripts/sbom.py\" -o \"${CMAKE_BINARY_DIR}/sbom.cdx.json\"
              \"$<TARGET_FILE:snapvit-server>\" \"$<TARGET_FILE:snapvit>\"
      COMMAND_ERROR_IS_FATAL ANY)" COMPONENT server)
  install(FILES ${CMAKE_BINARY_DIR}/sbom.cdx.json DESTINATION ${_doc} COMPONENT server)
endif()

set(_config ${CMAKE_INSTALL_LIBDIR}/cmake/snapvit-client)
install(TARGETS snapvit_client snapvit_proto EXPORT snapvit-client ARCHIVE COMPONENT dev
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/snapvit)
install(EXPORT snapvit-client NAMESPACE snapvit:: DESTINATION ${_config} COMPONENT dev)
# What client.h includes.
install(FILES client/client.h client/image_input.h client/request_split.h client/result.h client/retry.h client/rpc_error.h
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/snapvit/client COMPONENT dev)
install(DIRECTORY ${CMAKE_BINARY_DIR}/proto/generated/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/snapvit COMPONENT dev
  FILES_MATCHING PATTERN "*.h")
install(DIRECTORY ${CMAKE_SOURCE_DIR}/proto/ DESTINATION ${CMAKE_INSTALL_DATADIR}/snapvit/proto COMPONENT dev
  FILES_MATCHING PATTERN "*.proto" PATTERN "*.pb")
file(CONFIGURE OUTPUT snapvit-client-config.cmake @ONLY CONTENT [[
include(CMakeFindDependencyMacro)
find_dependency(Threads)
find_dependency(absl)
# protobuf comes before gRPC: gRPC's config file looks for its own otherwise.
find_dependency(Protobuf)
find_dependency(gRPC CONFIG)
include("${CMAKE_CURRENT_LIST_DIR}/snapvit-client.cmake")
# The name that users link.
if(NOT TARGET snapvit::client)
  add_library(snapvit::client ALIAS snapvit::snapvit_client)
endif()
]])
write_basic_package_version_file(${CMAKE_BINARY_DIR}/snapvit-client-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/snapvit-client-config.cmake ${CMAKE_BINARY_DIR}/snapvit-client-config-version.cmake
  DESTINATION ${_config} COMPONENT dev)
