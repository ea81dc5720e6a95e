#include "tests/e2e/server_process.h"

#include <grpcpp/create_channel.h>

#include <chrono>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>

#include "core/base/file.h"

namespace snapvit {

ServerProcess::ServerProcess(const std::vector<std::string>& flags,
                             const std::function<void()>& before) {
  // As variables, which flags override.
  const std::map<std::string, std::string> defaults = {
      {"SNAPVIT_MODEL", kTinyModel},
      {"SNAPVIT_LISTEN", "127.0.0.1:0"},
      {"SNAPVIT_HTTP", "127.0.0.1:0"},
      {"SNAPVIT_ADMIN_LISTEN", "127.0.0.1:0"},
      {"SNAPVIT_CACHE_DIR", folder() + "/cache"},
      {"SNAPVIT_READY_FILE", folder() + "/ready.json"},
  };
  process_ =
      std::make_unique<Process>(kServerProgram, flags, folder() + "/server.log", defaults, before);
}

bool ServerProcess::AwaitReady() {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (process_->Running() && std::chrono::steady_clock::now() < give_up) {
    if (const auto text = ReadFile(folder() + "/ready.json", 4096); text.ok()) {
      const nlohmann::json ready = nlohmann::json::parse(*text);
      target_ = ready["listen"];
      admin_target_ = ready["admin"];
      const std::string http = ready["http"];
      http_port_ = static_cast<uint16_t>(std::atoi(http.substr(http.rfind(':') + 1).c_str()));
      return true;
    }
    // Another process is waited for: there is nothing of ours that could wake us.
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

std::unique_ptr<client::Client> ServerProcess::MakeClient(client::ClientOptions options) const {
  options.target = target_;
  return *client::Client::Create(std::move(options));
}

std::unique_ptr<v1::Admin::Stub> ServerProcess::MakeAdmin() const {
  return v1::Admin::NewStub(grpc::CreateChannel(admin_target_, grpc::InsecureChannelCredentials()));
}

}  // namespace snapvit
