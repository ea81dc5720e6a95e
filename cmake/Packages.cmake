# Debian packages, one a component of Install.cmake: `cpack --config build/release/CPackConfig.cmake -B build/packages`.
# What Debian has they depend on, by dpkg-shlibdeps; LibTorch, which it does not have in this version, is a package of its own.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME snapvit)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_VENDOR "SnapViT server")
set(CPACK_PACKAGE_CONTACT "SnapViT server's maintainers <maintainers@localhost>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
# LibTorch's 450 MB take minutes otherwise.
set(CPACK_DEBIAN_COMPRESSION_TYPE gzip)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(CPACK_COMPONENTS_ALL dev)
set(CPACK_DEBIAN_DEV_PACKAGE_NAME libsnapvit-client-dev)
set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)
set(CPACK_COMPONENT_DEV_DESCRIPTION "C++ client library of SnapViT servers
 Headers, static libraries, a CMake package (find_package(snapvit-client)) and the .proto files.")
set(CPACK_DEBIAN_DEV_PACKAGE_DEPENDS "libgrpc++-dev, libprotobuf-dev, libabsl-dev")

if(SNAPVIT_TORCH)
  list(APPEND CPACK_COMPONENTS_ALL libtorch server client)
  set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${SNAPVIT_TORCH_REAL_DIR}/lib ${SNAPVIT_TORCH_REAL_DIR}/../nvidia/cu13/lib)
  set(_same_version "snapvit-libtorch (= ${PROJECT_VERSION})")

  set(CPACK_DEBIAN_LIBTORCH_PACKAGE_NAME snapvit-libtorch)
  set(CPACK_DEBIAN_LIBTORCH_PACKAGE_SECTION libs)
  set(CPACK_DEBIAN_LIBTORCH_PACKAGE_SHLIBDEPS ON)
  set(CPACK_COMPONENT_LIBTORCH_DESCRIPTION "LibTorch for SnapViT's programs
 The libraries of the PyPI wheel that the programs were built with, in a folder of
 their own. The CPU part: no GPU is used.")

  set(CPACK_DEBIAN_SERVER_PACKAGE_NAME snapvit-server)
  set(CPACK_DEBIAN_SERVER_PACKAGE_SECTION net)
  set(CPACK_DEBIAN_SERVER_PACKAGE_SHLIBDEPS ON)
  set(CPACK_DEBIAN_SERVER_PACKAGE_DEPENDS "${_same_version}")
  set(CPACK_COMPONENT_SERVER_DESCRIPTION "Serves a Vision Transformer at any compute budget
 Image embeddings and labels over gRPC and HTTP, from one set of weights. The
 systemd unit is installed and not started: it needs /etc/snapvit/server.yaml.")

  set(CPACK_DEBIAN_CLIENT_PACKAGE_NAME snapvit-client)
  set(CPACK_DEBIAN_CLIENT_PACKAGE_SECTION utils)
  set(CPACK_DEBIAN_CLIENT_PACKAGE_SHLIBDEPS ON)
  set(CPACK_DEBIAN_CLIENT_PACKAGE_DEPENDS "${_same_version}")
  set(CPACK_COMPONENT_CLIENT_DESCRIPTION "Command line of SnapViT servers
 Embeds and classifies images, measures servers, and orders, inspects and
 evaluates models without one.")
endif()
include(CPack)
