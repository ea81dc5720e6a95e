// Who may use a running server: tenants that change, certificates, and operators.
#include <gmock/gmock.h>
#include <grpcpp/client_context.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <string>
#include <thread>

#include "core/base/file.h"
#include "core/base/sha256.h"
#include "snapvit/v1/admin.grpc.pb.h"
#include "tests/e2e/server_process.h"
#include "tests/testing/certificates.h"
#include "tests/testing/http_client.h"

namespace snapvit {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// A tenants file of these names, each with the key "<name>-key".
std::string TenantsFile(const std::vector<std::string>& names) {
  std::string text = "tenants:\n";
  for (const std::string& name : names) {
    Sha256 hash;
    const std::string key = name + "-key";
    hash.Add(key.data(), key.size());
    text += "  " + name + ":\n    keys: sha256:" + hash.HexDigest() + "\n    concurrency: 8\n";
  }
  return text;
}

absl::Status EmbedOne(const client::Client& client) {
  const std::string jpeg =
      *ReadFile(SNAPVIT_SOURCE_DIR "/tests/testdata/images/decode/grey.jpg", size_t{1} << 20);
  const client::ImageInput images[] = {client::EncodedImage{jpeg}};
  const auto results = client.Embed(images, {});
  return results.ok() ? results->front().embedding.status() : results.status();
}

absl::StatusCode EmbedAs(const ServerProcess& server, const std::string& key) {
  client::ClientOptions options;
  options.api_key = key;
  return EmbedOne(*server.MakeClient(std::move(options))).code();
}

TEST(AccessE2eTest, TenantsChangeOnSighupAndWithTheFile) {
  const TemporaryFolder folder;
  const std::string path = folder.Write("tenants.yaml", TenantsFile({"a"}));
  ServerProcess server({"--tenants", path});
  ASSERT_TRUE(server.AwaitReady()) << server.process().Log();
  EXPECT_EQ(EmbedAs(server, "a-key"), absl::StatusCode::kOk);
  EXPECT_EQ(EmbedAs(server, "b-key"), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(EmbedAs(server, ""), absl::StatusCode::kUnauthenticated);
  EXPECT_THAT(server.process().Log(),
              AllOf(HasSubstr("authentication_failed"), Not(HasSubstr("b-key"))));

  // Seen without a signal.
  folder.Write("tenants.yaml", TenantsFile({"a", "b"}));
  while (EmbedAs(server, "b-key") != absl::StatusCode::kOk) std::this_thread::yield();

  // A broken one changes nothing and says why.
  folder.Write("tenants.yaml", "tenants:\n  a:\n    weight: heavy\n");
  server.process().Signal(SIGHUP);
  while (server.process().Log().find("tenants_not_reloaded") == std::string::npos) {
    ASSERT_TRUE(server.process().Running());
  }
  EXPECT_THAT(server.process().Log(), HasSubstr("tenants.yaml:3"));
  EXPECT_THAT(HttpGet(server.http_port(), "/metrics"),
              HasSubstr("snapvit_config_last_reload_success{config=\"tenants\"} 0"));
  EXPECT_EQ(EmbedAs(server, "b-key"), absl::StatusCode::kOk);

  folder.Write("tenants.yaml", TenantsFile({"b"}));
  server.process().Signal(SIGHUP);
  while (EmbedAs(server, "a-key") == absl::StatusCode::kOk) std::this_thread::yield();
  EXPECT_EQ(EmbedAs(server, "b-key"), absl::StatusCode::kOk);
  server.process().Signal(SIGTERM);
  EXPECT_EQ(server.process().Wait(), 0);
}

TEST(AccessE2eTest, ABrokenTenantsFileEndsTheStartAndTheCheck) {
  const TemporaryFolder folder;
  const std::string path = folder.Write("tenants.yaml", "tenants:\n  a:\n    weight: 1\n");
  for (const bool check : {false, true}) {
    std::vector<std::string> flags = {"--tenants", path};
    if (check) flags.emplace_back("--check");
    ServerProcess server(flags);
    EXPECT_EQ(server.process().Wait(), 2);
    EXPECT_THAT(server.process().Log(), HasSubstr("tenants.yaml:2"));
  }
}

TEST(AccessE2eTest, CertificatesLetClientsInAndNameTheirTenants) {
  const TemporaryFolder folder;
  const TestCertificate authority("authority", "");
  const TestCertificate server_certificate("server", "DNS:localhost,IP:127.0.0.1", &authority);
  const TestCertificate client_certificate("client", "DNS:search.example.com", &authority);
  const std::string ca = folder.Write("ca.crt", authority.certificate());
  ServerProcess server(
      {"--tls-cert", folder.Write("server.crt", server_certificate.certificate()), "--tls-key",
       folder.Write("server.key", server_certificate.key()), "--tls-client-ca", ca, "--tenants",
       folder.Write("tenants.yaml",
                    "tenants:\n  search:\n    certificates: search.example.com\n")});
  ASSERT_TRUE(server.AwaitReady()) << server.process().Log();
  client::ClientOptions options;
  options.tls.emplace();
  options.tls->authorities = authority.certificate();
  options.tls->certificate_chain = client_certificate.certificate();
  options.tls->private_key = client_certificate.key();
  EXPECT_EQ(EmbedOne(*server.MakeClient(options)), absl::OkStatus());
  EXPECT_THAT(HttpGet(server.http_port(), "/metrics"),
              HasSubstr("method=\"embed\",model=\"cls_token\",tenant=\"search\"} 1\n"));

  client::ClientOptions without = options;
  without.tls->certificate_chain.clear();
  without.tls->private_key.clear();
  without.retry.max_attempts = 1;
  EXPECT_EQ(EmbedOne(*server.MakeClient(without)).code(), absl::StatusCode::kUnavailable);

  // The command line takes the same from files.
  const std::string log = folder.path() + "/cli.log";
  Process cli(SNAPVIT_BIN_DIR "/snapvit",
              {"inspect", "--target", server.target(), "--json", "--tls-ca", ca, "--tls-cert",
               folder.Write("client.crt", client_certificate.certificate()), "--tls-key",
               folder.Write("client.key", client_certificate.key())},
              log);
  EXPECT_EQ(cli.Wait(), 0) << cli.Log();
  EXPECT_THAT(cli.Log(), HasSubstr("\"cls_token\""));
}

TEST(AccessE2eTest, CertificatesThatDoNotFitEndTheStart) {
  const TemporaryFolder folder;
  const TestCertificate one("one", "");
  const TestCertificate other("other", "");
  ServerProcess server({"--tls-cert", folder.Write("one.crt", one.certificate()), "--tls-key",
                        folder.Write("other.key", other.key())});
  EXPECT_EQ(server.process().Wait(), 2);
  EXPECT_THAT(server.process().Log(),
              AllOf(HasSubstr("--tls-key"), HasSubstr("other.key"), HasSubstr("one.crt")));
}

TEST(AccessE2eTest, OperatorsSeeTheStateAndReload) {
  ServerProcess server({"--floor", "0.25"});
  ASSERT_TRUE(server.AwaitReady()) << server.process().Log();
  const auto admin = server.MakeAdmin();
  {
    grpc::ClientContext rpc;
    v1::Status status;
    ASSERT_TRUE(admin->GetStatus(&rpc, {}, &status).ok());
    EXPECT_EQ(status.state(), "ready");
    ASSERT_EQ(status.tenants_size(), 1);
    EXPECT_EQ(status.tenants(0).tenant(), "default");
  }
  const auto client = server.MakeClient();
  const std::string before = client->GetModel("", absl::Seconds(5))->ordering_id();

  // Another ordering of the same model.
  const std::string other = server.folder() + "/other.safetensors";
  Process order(SNAPVIT_BIN_DIR "/snapvit",
                {"order", "--model", kTinyModel, "--seed", "7", "--count", "8", "-o", other},
                server.folder() + "/order.log");
  ASSERT_EQ(order.Wait(), 0) << order.Log();
  const auto reload = [&admin](const std::string& path, v1::ReloadOrderingResponse* response) {
    grpc::ClientContext rpc;
    v1::ReloadOrderingRequest request;
    request.set_path(path);
    return admin->ReloadOrdering(&rpc, request, response).error_code();
  };
  v1::ReloadOrderingResponse response;
  EXPECT_EQ(reload("/nowhere/ordering", &response), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(reload(std::string(kTinyModel) + "/config.json", &response),
            grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(client->GetModel("", absl::Seconds(5))->ordering_id(), before);
  ASSERT_EQ(reload(other, &response), grpc::StatusCode::OK);
  EXPECT_NE(response.ordering_id(), before);
  EXPECT_EQ(client->GetModel("", absl::Seconds(5))->ordering_id(), response.ordering_id());
  EXPECT_EQ(client->GetModel("", absl::Seconds(5))->state(), "ready");
  EXPECT_EQ(EmbedOne(*client), absl::OkStatus());
  EXPECT_EQ(reload("", &response), grpc::StatusCode::OK);
  EXPECT_EQ(response.ordering_id(), before);
}

}  // namespace
}  // namespace snapvit
