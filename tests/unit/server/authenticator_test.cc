// Who a caller is: by what it proves, and through the services.
#include "server/authenticator.h"

#include <gmock/gmock.h>
#include <grpcpp/client_context.h>

#include <atomic>
#include <cstddef>

#include "core/base/sha256.h"
#include "tests/unit/server/service_fixture.h"

namespace {

std::atomic<int> compared_bytes = 0;

}  // namespace

// In place of OpenSSL's comparison, which takes the same time wherever the first difference is:
// does the same, and counts.
extern "C" int CRYPTO_memcmp(const void* left, const void* right, size_t size) {
  compared_bytes += static_cast<int>(size);
  const auto* a = static_cast<const volatile unsigned char*>(left);
  const auto* b = static_cast<const volatile unsigned char*>(right);
  unsigned char difference = 0;
  for (size_t i = 0; i < size; ++i) difference |= a[i] ^ b[i];
  return difference;
}

namespace snapvit {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string HashOf(const std::string& key) {
  Sha256 hash;
  hash.Add(key.data(), key.size());
  return hash.HexDigest();
}

TenantPtr MakeTenant(const std::string& name, const std::vector<std::string>& certificates) {
  auto tenant = std::make_shared<Tenant>();
  tenant->policy.name = name;
  tenant->policy.key_hashes = {HashOf(name + "-old"), HashOf(name + "-key")};
  tenant->policy.certificates = certificates;
  return tenant;
}

class FindTenantTest : public ::testing::Test {
 protected:
  // Name of the tenant, or of the error's code.
  std::string Find(const Caller& caller) {
    const auto tenant = FindTenant(table_, caller);
    return tenant.ok() ? (*tenant)->policy.name : absl::StatusCodeToString(tenant.status().code());
  }
  static Caller WithKey(const std::string& key) {
    Caller caller;
    caller.key_hash = HashOf(key);
    return caller;
  }
  static Caller WithCertificate(std::vector<std::string> names) {
    Caller caller;
    caller.certificate_names = std::move(names);
    return caller;
  }

  const TenantTable table_{
      {MakeTenant("a", {"a.example.com", "spiffe://a"}), MakeTenant("b", {"b.example.com"})},
      /*open=*/false};
};

TEST_F(FindTenantTest, AnyKeyOfATenantNamesIt) {
  EXPECT_EQ(Find(WithKey("a-key")), "a");
  EXPECT_EQ(Find(WithKey("a-old")), "a");
  EXPECT_EQ(Find(WithKey("b-key")), "b");
}

TEST_F(FindTenantTest, HowLongALookUpTakesSaysNothingAboutKeys) {
  // Whoever it is, and whether it is anybody: every hash is compared, to its end.
  constexpr int kHashes = 4;
  constexpr int kDigits = 64;
  for (const char* key : {"a-old", "a-key", "b-old", "b-key", "c-key", ""}) {
    const Caller caller = WithKey(key);
    compared_bytes = 0;
    Find(caller);
    EXPECT_EQ(compared_bytes, kHashes * kDigits) << key;
  }
}

TEST_F(FindTenantTest, AnyNameOfACertificateNamesATenant) {
  EXPECT_EQ(Find(WithCertificate({"spiffe://a"})), "a");
  EXPECT_EQ(Find(WithCertificate({"x.example.com", "b.example.com"})), "b");
}

TEST_F(FindTenantTest, NoProofOrAWrongOneIsUnauthenticated) {
  EXPECT_EQ(Find(Caller()), "UNAUTHENTICATED");
  EXPECT_EQ(Find(WithKey("c-key")), "UNAUTHENTICATED");
  Caller caller = WithKey("a-key");
  caller.bad_authorization = true;
  EXPECT_EQ(Find(caller), "UNAUTHENTICATED");
}

TEST_F(FindTenantTest, AGoodCertificateDoesNotMakeAWrongKeyGood) {
  Caller caller = WithCertificate({"a.example.com"});
  caller.key_hash = HashOf("wrong");
  EXPECT_EQ(Find(caller), "UNAUTHENTICATED");
}

TEST_F(FindTenantTest, AProofOfNobodyOrOfSeveralIsDenied) {
  EXPECT_EQ(Find(WithCertificate({"c.example.com"})), "PERMISSION_DENIED");
  EXPECT_EQ(Find(WithCertificate({})), "PERMISSION_DENIED");
  EXPECT_EQ(Find(WithCertificate({"a.example.com", "b.example.com"})), "PERMISSION_DENIED");
  Caller caller = WithCertificate({"a.example.com"});
  caller.key_hash = HashOf("b-key");
  EXPECT_EQ(Find(caller), "PERMISSION_DENIED");
}

TEST_F(FindTenantTest, AKeySpeaksForACertificateThatNamesNobody) {
  Caller caller = WithCertificate({"c.example.com"});
  caller.key_hash = HashOf("b-key");
  EXPECT_EQ(Find(caller), "b");
}

class AuthenticationTest : public ServiceTest {
 protected:
  grpc::Status EmbedWith(const std::vector<std::string>& authorizations) {
    grpc::ClientContext rpc;
    for (const std::string& value : authorizations) rpc.AddMetadata("authorization", value);
    v1::EmbedResponse response;
    return inference_->Embed(&rpc, TensorRequest(1), &response);
  }
};

TEST_F(AuthenticationTest, KeysAreReadFromTheAuthorization) {
  tenants_file_ = "tenants:\n" + TenantOf("a");
  Start();
  EXPECT_TRUE(EmbedWith({"Bearer a-key"}).ok());
  EXPECT_TRUE(EmbedWith({"bearer  a-key"}).ok());
  for (const std::vector<std::string>& authorizations :
       std::vector<std::vector<std::string>>{{},
                                             {"Bearer wrong"},
                                             {"Bearer "},
                                             {"Basic a-key"},
                                             {"a-key"},
                                             {"Bearer a-key", "Bearer a-key"},
                                             {"Bearer " + HashOf("a-key")}}) {
    const grpc::Status status = EmbedWith(authorizations);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAUTHENTICATED);
    EXPECT_EQ(ReasonOf(status), "UNAUTHENTICATED");
    EXPECT_THAT(status.error_message(), HasSubstr("expected"));
    EXPECT_THAT(status.error_message(), Not(HasSubstr("a-key")));
  }
  EXPECT_EQ(engine_.computed(), 2);
}

TEST_F(AuthenticationTest, WithoutATenantsFileAnyKeyWillDo) {
  Start();
  EXPECT_TRUE(EmbedWith({"Bearer whatever"}).ok());
  EXPECT_TRUE(EmbedWith({"Basic whatever"}).ok());
}

TEST_F(AuthenticationTest, StrangersLearnNothingAndAreCountedTogether) {
  tenants_file_ = "tenants:\n" + TenantOf("a");
  Start(nullptr);  // what is loading is nobody's business
  EXPECT_EQ(EmbedWith({}).error_code(), grpc::StatusCode::UNAUTHENTICATED);
  grpc::ClientContext rpc;
  v1::ModelInfo info;
  EXPECT_EQ(models_->GetModel(&rpc, {}, &info).error_code(), grpc::StatusCode::UNAUTHENTICATED);
  grpc::ClientContext list_rpc;
  v1::ListModelsResponse list;
  EXPECT_EQ(models_->ListModels(&list_rpc, {}, &list).error_code(),
            grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_THAT(metrics_.Expose(),
              HasSubstr("snapvit_requests_total{code=\"UNAUTHENTICATED\",method=\"embed\","
                        "model=\"tiny\",tenant=\"other\"} 1\n"));
  EXPECT_THAT(metrics_.Expose(),
              HasSubstr("snapvit_refusals_total{reason=\"UNAUTHENTICATED\"} 3\n"));
}

TEST_F(AuthenticationTest, AStreamOfAStrangerIsRefusedBeforeItIsRead) {
  tenants_file_ = "tenants:\n" + TenantOf("a");
  Start();
  grpc::ClientContext rpc;
  const auto stream = inference_->EmbedStream(&rpc);
  stream->Write(TensorRequest(1));
  v1::EmbedResponse response;
  EXPECT_FALSE(stream->Read(&response));
  const grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(engine_.computed(), 0);
  call_set_.Drain();
  EXPECT_THAT(metrics_.Expose(),
              HasSubstr("snapvit_requests_total{code=\"UNAUTHENTICATED\",method=\"embed\","
                        "model=\"tiny\",tenant=\"other\"} 1\n"));
}

TEST_F(AuthenticationTest, AKeyThatIsTakenAwayEndsWithTheNextMessageOfAStream) {
  tenants_file_ = "tenants:\n" + TenantOf("a") + TenantOf("b");
  Start();
  grpc::ClientContext rpc;
  rpc.AddMetadata("authorization", "Bearer a-key");
  const auto stream = inference_->EmbedStream(&rpc);
  v1::EmbedResponse response;
  ASSERT_TRUE(stream->Write(TensorRequest(1)));
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_TRUE(response.items(0).has_embedding());
  ASSERT_TRUE(RewriteTenants("tenants:\n" + TenantOf("b")).ok());
  ASSERT_TRUE(stream->Write(TensorRequest(1)));
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.items(0).error().code(), grpc::StatusCode::UNAUTHENTICATED);
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(AuthenticationTest, RequestsGoToTheSchedulerUnderTheirTenantsIndex) {
  tenants_file_ = "tenants:\n" + TenantOf("a") + TenantOf("b");
  Start();
  v1::EmbedResponse response;
  ASSERT_TRUE(Embed(TensorRequest(1), &response, "b-key").ok());
  EXPECT_EQ(engine_.last_spec().tenant, 1);
  EXPECT_THAT(metrics_.Expose(), HasSubstr("method=\"embed\",model=\"tiny\",tenant=\"b\"} 1\n"));
}

}  // namespace
}  // namespace snapvit
