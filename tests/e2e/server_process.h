// ServerProcess: a snapvit-server on free ports, with the tiny model of tests/testdata.
#ifndef SNAPVIT_TESTS_E2E_SERVER_PROCESS_H_
#define SNAPVIT_TESTS_E2E_SERVER_PROCESS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "client/client.h"
#include "snapvit/v1/admin.grpc.pb.h"
#include "tests/e2e/process.h"
#include "tests/testing/temporary_folder.h"

namespace snapvit {

inline constexpr char kTinyModel[] = SNAPVIT_SOURCE_DIR "/tests/testdata/models/cls_token";
inline constexpr char kServerProgram[] = SNAPVIT_BIN_DIR "/snapvit-server";

class ServerProcess {
 public:
  // Starts the server with `flags`, which may override the defaults: the tiny model, free ports,
  // and a cache folder of this object's own. `before`: as Process'.
  explicit ServerProcess(const std::vector<std::string>& flags = {},
                         const std::function<void()>& before = {});

  // Waits until requests are served; false if the process ends before, or after a minute.
  bool AwaitReady();

  // After AwaitReady().
  const std::string& target() const { return target_; }
  const std::string& admin_target() const { return admin_target_; }
  uint16_t http_port() const { return http_port_; }
  // With these options; the target is set here.
  std::unique_ptr<client::Client> MakeClient(client::ClientOptions options = {}) const;

  std::unique_ptr<v1::Admin::Stub> MakeAdmin() const;

  const std::string& folder() const { return folder_.path(); }
  Process& process() { return *process_; }

 private:
  const TemporaryFolder folder_;
  std::unique_ptr<Process> process_;
  std::string target_;
  std::string admin_target_;
  uint16_t http_port_ = 0;
};

}  // namespace snapvit

#endif  // SNAPVIT_TESTS_E2E_SERVER_PROCESS_H_
