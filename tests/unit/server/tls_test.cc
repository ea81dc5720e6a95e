// Encrypted listeners: which files start one, who is let in, and how certificates are renewed.
#include <gmock/gmock.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <openssl/bio.h>
#include <openssl/ssl.h>

#include <chrono>

#include "server/listeners.h"
#include "server/tls_certificates.h"
#include "server/tls_credentials.h"
#include "tests/testing/certificates.h"
#include "tests/testing/http2_client.h"
#include "tests/unit/server/service_fixture.h"

namespace snapvit {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kLocal[] = "DNS:localhost,IP:127.0.0.1";

class TlsFilesTest : public ::testing::Test {
 protected:
  std::string ErrorOf(const TlsFiles& files) {
    const auto identity = ReadTlsIdentity(files);
    EXPECT_FALSE(identity.ok());
    return std::string(identity.status().message());
  }

  const TestCertificate authority_{"authority", ""};
  const TestCertificate server_{"server", kLocal, &authority_};
  const TestCertificate other_{"other", kLocal, &authority_};
  TemporaryFolder folder_;
  const std::string certificate_ = folder_.Write("server.crt", server_.certificate());
  const std::string key_ = folder_.Write("server.key", server_.key());
};

TEST_F(TlsFilesTest, AMatchingPairIsRead) {
  const auto identity = ReadTlsIdentity({certificate_, key_, ""});
  ASSERT_TRUE(identity.ok()) << identity.status();
  EXPECT_EQ(identity->subject, "/CN=server");
  EXPECT_GT(identity->not_after, absl::Now() + absl::Hours(23));
  EXPECT_LT(identity->not_after, absl::Now() + absl::Hours(25));
}

TEST_F(TlsFilesTest, WhatDoesNotFitIsNamedWithItsFlagAndFile) {
  const std::string text = folder_.Write("text", "no PEM\n");
  EXPECT_THAT(ErrorOf({folder_.path() + "/absent", key_, ""}),
              AllOf(HasSubstr("--tls-cert"), HasSubstr("absent")));
  EXPECT_THAT(ErrorOf({certificate_, folder_.path() + "/absent", ""}), HasSubstr("--tls-key"));
  EXPECT_THAT(ErrorOf({text, key_, ""}), AllOf(HasSubstr("--tls-cert"), HasSubstr("/text has no")));
  EXPECT_THAT(ErrorOf({certificate_, certificate_, ""}),
              AllOf(HasSubstr("--tls-key"), HasSubstr("no private key")));
  EXPECT_THAT(
      ErrorOf({certificate_, folder_.Write("other.key", other_.key()), ""}),
      AllOf(HasSubstr("other.key is not the key of the certificate in"), HasSubstr("server.crt")));
  EXPECT_THAT(ErrorOf({certificate_, key_, text}), HasSubstr("--tls-client-ca"));
}

class TlsTest : public ServiceTest {
 protected:
  // Serves Inference on a TLS listener with server_'s certificate.
  void StartTls(const std::string& client_ca, TlsClientAuth client_auth = TlsClientAuth::kRequire) {
    Start();
    TlsFiles files;
    files.certificate = folder().Write("server.crt", server_.certificate());
    files.key = folder().Write("server.key", server_.key());
    if (!client_ca.empty()) files.client_ca = folder().Write("ca.crt", client_ca);
    auto certificates = TlsCertificates::Create(files);
    ASSERT_TRUE(certificates.ok()) << certificates.status();
    certificates_ = *std::move(certificates);
    tls_service_ = std::make_unique<InferenceService>(context_);
    GrpcListenerOptions options;
    options.address = {"127.0.0.1", 0};
    options.credentials = MakeTlsCredentials(certificates_.get(), client_auth);
    grpc::Service* const services[] = {tls_service_.get()};
    auto listener = StartGrpc(options, services);
    ASSERT_TRUE(listener.ok()) << listener.status();
    listener_ = *std::move(listener);
  }
  ~TlsTest() override { StopGrpc(listener_); }

  // A call over a connection of its own. `certificate`: the client's; null: it has none.
  grpc::Status EmbedOver(const TestCertificate& authority, const TestCertificate* certificate,
                         const std::string& key = "") {
    grpc::SslCredentialsOptions ssl;
    ssl.pem_root_certs = authority.certificate();
    if (certificate != nullptr) {
      ssl.pem_cert_chain = certificate->certificate();
      ssl.pem_private_key = certificate->key();
    }
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    const auto channel = grpc::CreateCustomChannel(listener_.address.ToString(),
                                                   grpc::SslCredentials(ssl), arguments);
    grpc::ClientContext rpc;
    if (!key.empty()) rpc.AddMetadata("authorization", "Bearer " + key);
    rpc.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    v1::EmbedResponse response;
    return v1::Inference::NewStub(channel)->Embed(&rpc, TensorRequest(1), &response);
  }

  // Whether a client that offers this version alone, and for TLS 1.2 these ciphers, gets through.
  bool ShakesHands(int version, const char* ciphers = "ALL:@SECLEVEL=0") const {
    const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(
        SSL_CTX_new(TLS_client_method()), &SSL_CTX_free);
    SSL_CTX_set_min_proto_version(context.get(), version);
    SSL_CTX_set_max_proto_version(context.get(), version);
    SSL_CTX_set_cipher_list(context.get(), (std::string(ciphers) + ":@SECLEVEL=0").c_str());
    SSL_CTX_set_alpn_protos(context.get(), reinterpret_cast<const unsigned char*>("\x02h2"), 3);
    const std::unique_ptr<BIO, decltype(&BIO_free_all)> connection(
        BIO_new_ssl_connect(context.get()), &BIO_free_all);
    BIO_set_conn_hostname(connection.get(), listener_.address.ToString().c_str());
    return BIO_do_handshake(connection.get()) == 1;
  }

  const TestCertificate authority_{"authority", ""};
  const TestCertificate server_{"server", kLocal, &authority_};
  const TestCertificate search_{"nobody", "DNS:search.example.com,URI:spiffe://example.com/search",
                                &authority_};
  std::unique_ptr<TlsCertificates> certificates_;
  std::unique_ptr<InferenceService> tls_service_;
  GrpcListener listener_;
};

TEST_F(TlsTest, ClientsThatTrustTheAuthorityAreServed) {
  StartTls("");
  EXPECT_TRUE(EmbedOver(authority_, nullptr).ok());
  const TestCertificate stranger("stranger", "");
  EXPECT_EQ(EmbedOver(stranger, nullptr).error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(TlsTest, WithAClientAuthorityOnlyItsCertificatesAreLetIn) {
  StartTls(authority_.certificate());
  EXPECT_TRUE(EmbedOver(authority_, &search_).ok());
  EXPECT_EQ(EmbedOver(authority_, nullptr).error_code(), grpc::StatusCode::UNAVAILABLE);
  const TestCertificate forger("authority", "");
  const TestCertificate forged("nobody", "DNS:search.example.com", &forger);
  EXPECT_EQ(EmbedOver(authority_, &forged).error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(TlsTest, CertificatesNameTenantsByAlternativeNamesOrElseTheCommonName) {
  tenants_file_ =
      "tenants:\n"
      "  search: {certificates: 'spiffe://example.com/search'}\n"
      "  plain: {certificates: plain}\n"
      "  nobody: {certificates: nobody}\n";
  StartTls(authority_.certificate());
  const TestCertificate plain("plain", "", &authority_);
  const TestCertificate unknown("unknown", "", &authority_);
  ASSERT_TRUE(EmbedOver(authority_, &search_).ok());
  EXPECT_EQ(engine_.last_spec().tenant, 0);  // and not "nobody", its common name
  ASSERT_TRUE(EmbedOver(authority_, &plain).ok());
  EXPECT_EQ(engine_.last_spec().tenant, 1);
  EXPECT_EQ(EmbedOver(authority_, &unknown).error_code(), grpc::StatusCode::PERMISSION_DENIED);
}

TEST_F(TlsTest, ACertificateThatIsOnlyRequestedLeavesRoomForKeys) {
  tenants_file_ =
      "tenants:\n" + TenantOf("a") + "  search:\n    certificates: search.example.com\n";
  StartTls(authority_.certificate(), TlsClientAuth::kRequest);
  EXPECT_TRUE(EmbedOver(authority_, nullptr, "a-key").ok());
  EXPECT_TRUE(EmbedOver(authority_, &search_).ok());
  EXPECT_EQ(EmbedOver(authority_, nullptr).error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(EmbedOver(authority_, &search_, "a-key").error_code(),
            grpc::StatusCode::PERMISSION_DENIED);
}

TEST_F(TlsTest, ARenewedCertificateServesTheNextConnections) {
  StartTls("");
  const TestCertificate next_authority("next authority", "");
  const TestCertificate next("next server", kLocal, &next_authority);
  EXPECT_FALSE(EmbedOver(next_authority, nullptr).ok());
  std::vector<absl::Status> outcomes;
  certificates_->SetOnReload([&](const absl::Status& status) { outcomes.push_back(status); });
  // One file after the other, looked at in between: the old pair goes on.
  folder().Write("server.crt", next.certificate());
  certificates_->Poll();
  ASSERT_EQ(outcomes.size(), 1U);
  EXPECT_THAT(std::string(outcomes[0].message()), HasSubstr("is not the key of the certificate"));
  EXPECT_TRUE(EmbedOver(authority_, nullptr).ok());
  folder().Write("server.key", next.key());
  certificates_->Poll();
  ASSERT_EQ(outcomes.size(), 2U);
  EXPECT_TRUE(outcomes[1].ok()) << outcomes[1];
  EXPECT_TRUE(EmbedOver(next_authority, nullptr).ok());
  EXPECT_FALSE(EmbedOver(authority_, nullptr).ok());
}

TEST_F(TlsTest, CertificatesOutOfTheirTimeAreRefusedOnBothSides) {
  StartTls(authority_.certificate());
  for (const auto validity :
       {TestCertificate::Validity::kExpired, TestCertificate::Validity::kNotYet}) {
    const TestCertificate client("search", "DNS:search.example.com", &authority_, validity);
    EXPECT_EQ(EmbedOver(authority_, &client).error_code(), grpc::StatusCode::UNAVAILABLE);
    // A server that has one is not trusted, even by clients that trust its authority.
    const TestCertificate server("server", kLocal, &authority_, validity);
    folder().Write("server.crt", server.certificate());
    folder().Write("server.key", server.key());
    ASSERT_TRUE(certificates_->Reload().ok());
    EXPECT_EQ(EmbedOver(authority_, &search_).error_code(), grpc::StatusCode::UNAVAILABLE);
  }
  folder().Write("server.crt", server_.certificate());
  folder().Write("server.key", server_.key());
  ASSERT_TRUE(certificates_->Reload().ok());
  EXPECT_TRUE(EmbedOver(authority_, &search_).ok());
}

TEST_F(TlsTest, OldVersionsAndPlainConnectionsAreRefused) {
  StartTls("");
  EXPECT_FALSE(ShakesHands(TLS1_VERSION));
  EXPECT_FALSE(ShakesHands(TLS1_1_VERSION));
  EXPECT_TRUE(ShakesHands(TLS1_2_VERSION));
  EXPECT_TRUE(ShakesHands(TLS1_3_VERSION));
  // Ciphers without forward secrecy, without authentication, without encryption.
  for (const char* ciphers : {"AES128-SHA", "AES128-GCM-SHA256", "aNULL", "eNULL"}) {
    EXPECT_FALSE(ShakesHands(TLS1_2_VERSION, ciphers)) << ciphers;
  }
  Http2Connection plain(listener_.address.port);
  EXPECT_TRUE(plain.AwaitClose());
}

}  // namespace
}  // namespace snapvit
