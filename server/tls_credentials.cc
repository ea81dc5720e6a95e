#include "server/tls_credentials.h"

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>

#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace snapvit {
namespace {

grpc_ssl_client_certificate_request_type RequestType(const TlsIdentity& identity,
                                                     TlsClientAuth client_auth) {
  if (identity.client_ca.empty()) return GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE;
  return client_auth == TlsClientAuth::kRequire
             ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
             : GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY;
}

// gRPC's file watcher takes whatever the files hold, a new certificate with the old key too, and
// then fails all handshakes. The C API asks for certificates at each handshake instead; its C++
// wrapper does not offer that, so this is one of our own.
class ReloadingCredentials final : public grpc::ServerCredentials {
 public:
  ReloadingCredentials(const TlsCertificates* certificates, TlsClientAuth client_auth)
      : certificates_(*certificates),
        credentials_(grpc_ssl_server_credentials_create_with_options(
            grpc_ssl_server_credentials_create_options_using_config_fetcher(
                RequestType(*certificates->Get(), client_auth), Fetch, this))) {}
  ~ReloadingCredentials() override { grpc_server_credentials_release(credentials_); }

  // Callers are authenticated by the services (server/authenticator.h).
  void SetAuthMetadataProcessor(const std::shared_ptr<grpc::AuthMetadataProcessor>&) override {}

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override {
    return grpc_server_add_http2_port(server, address.c_str(), credentials_);
  }

  static grpc_ssl_certificate_config_reload_status Fetch(
      void* self, grpc_ssl_server_certificate_config** config) {
    return static_cast<ReloadingCredentials*>(self)->Fetch(config);
  }

  grpc_ssl_certificate_config_reload_status Fetch(grpc_ssl_server_certificate_config** config)
      ABSL_LOCKS_EXCLUDED(mu_) {
    const std::shared_ptr<const TlsIdentity> now = certificates_.Get();
    absl::MutexLock lock(&mu_);
    if (now == given_) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    const grpc_ssl_pem_key_cert_pair pair = {now->private_key.c_str(),
                                             now->certificate_chain.c_str()};
    // gRPC insists on authorities; where no client is asked for a certificate, any will do.
    const std::string& authorities =
        now->client_ca.empty() ? now->certificate_chain : now->client_ca;
    *config = grpc_ssl_server_certificate_config_create(authorities.c_str(), &pair, 1);
    if (*config == nullptr) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_FAIL;
    given_ = now;
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
  }

  const TlsCertificates& certificates_;
  grpc_server_credentials* const credentials_;

  absl::Mutex mu_;
  std::shared_ptr<const TlsIdentity> given_ ABSL_GUARDED_BY(mu_);  // what gRPC has
};

}  // namespace

std::shared_ptr<grpc::ServerCredentials> MakeTlsCredentials(const TlsCertificates* certificates,
                                                            TlsClientAuth client_auth) {
  return std::make_shared<ReloadingCredentials>(certificates, client_auth);
}

}  // namespace snapvit
