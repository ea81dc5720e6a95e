#include "server/tls_certificates.h"

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <ctime>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "core/base/file.h"
#include "core/base/status_macros.h"

namespace snapvit {
namespace {

constexpr size_t kMostBytes = size_t{4} << 20;
constexpr char kCertificateFlag[] = "--tls-cert";
constexpr char kKeyFlag[] = "--tls-key";
constexpr char kClientCaFlag[] = "--tls-client-ca";

struct BioFree {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
struct CertificateFree {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
struct KeyFree {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using BioPtr = std::unique_ptr<BIO, BioFree>;
using CertificatePtr = std::unique_ptr<X509, CertificateFree>;
using KeyPtr = std::unique_ptr<EVP_PKEY, KeyFree>;

BioPtr ReadFrom(const std::string& pem) {
  return BioPtr(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

// Encrypted keys: OpenSSL would ask for the password on the terminal otherwise.
int NoPassword(char*, int, int, void*) { return -1; }

absl::StatusOr<std::string> ReadPem(const char* flag, const std::string& path) {
  absl::StatusOr<std::string> content = ReadFile(path, kMostBytes);
  if (content.ok()) return content;
  return absl::Status(content.status().code(),
                      absl::StrCat(flag, ": ", content.status().message()));
}

absl::Status Unfit(const char* flag, const std::string& path, const char* expected) {
  ERR_clear_error();  // errors of this thread stay until somebody takes them
  return absl::InvalidArgumentError(absl::StrCat(flag, ": ", path, " ", expected));
}

absl::StatusOr<CertificatePtr> FirstCertificate(const char* flag, const std::string& path,
                                                const std::string& pem) {
  const BioPtr bio = ReadFrom(pem);
  CertificatePtr certificate(PEM_read_bio_X509(bio.get(), nullptr, NoPassword, nullptr));
  if (certificate == nullptr) {
    return Unfit(flag, path, "has no certificate, expected PEM (-----BEGIN CERTIFICATE-----)");
  }
  return certificate;
}

absl::Status CheckKey(const TlsFiles& files, const std::string& pem, X509* certificate) {
  const BioPtr bio = ReadFrom(pem);
  const KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassword, nullptr));
  if (key == nullptr) {
    return Unfit(kKeyFlag, files.key,
                 "has no private key, expected PEM (-----BEGIN PRIVATE KEY-----), not encrypted");
  }
  if (X509_check_private_key(certificate, key.get()) != 1) {
    return Unfit(kKeyFlag, files.key,
                 absl::StrCat("is not the key of the certificate in ", files.certificate,
                              ", expected a pair")
                     .c_str());
  }
  return absl::OkStatus();
}

std::string SubjectOf(X509* certificate) {
  char text[256];
  X509_NAME_oneline(X509_get_subject_name(certificate), text, sizeof(text));
  return text;
}

absl::Time NotAfter(X509* certificate) {
  std::tm time = {};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &time) != 1) return absl::InfiniteFuture();
  return absl::FromTM(time, absl::UTCTimeZone());
}

}  // namespace

absl::StatusOr<TlsIdentity> ReadTlsIdentity(const TlsFiles& files) {
  TlsIdentity identity;
  ASSIGN_OR_RETURN(identity.certificate_chain, ReadPem(kCertificateFlag, files.certificate));
  ASSIGN_OR_RETURN(identity.private_key, ReadPem(kKeyFlag, files.key));
  ASSIGN_OR_RETURN(
      const CertificatePtr certificate,
      FirstCertificate(kCertificateFlag, files.certificate, identity.certificate_chain));
  RETURN_IF_ERROR(CheckKey(files, identity.private_key, certificate.get()));
  identity.subject = SubjectOf(certificate.get());
  identity.not_after = NotAfter(certificate.get());
  if (files.client_ca.empty()) return identity;
  ASSIGN_OR_RETURN(identity.client_ca, ReadPem(kClientCaFlag, files.client_ca));
  RETURN_IF_ERROR(FirstCertificate(kClientCaFlag, files.client_ca, identity.client_ca).status());
  return identity;
}

TlsCertificates::TlsCertificates(TlsFiles files)
    : ReloadableFiles({files.certificate, files.key, files.client_ca}), files_(std::move(files)) {}

absl::StatusOr<std::unique_ptr<TlsCertificates>> TlsCertificates::Create(TlsFiles files) {
  auto certificates = absl::WrapUnique(new TlsCertificates(std::move(files)));
  RETURN_IF_ERROR(certificates->Read());
  return certificates;
}

std::shared_ptr<const TlsIdentity> TlsCertificates::Get() const {
  absl::MutexLock lock(&mu_);
  return identity_;
}

absl::Status TlsCertificates::Read() {
  ASSIGN_OR_RETURN(TlsIdentity identity, ReadTlsIdentity(files_));
  auto shared = std::make_shared<const TlsIdentity>(std::move(identity));
  absl::MutexLock lock(&mu_);
  identity_ = std::move(shared);
  return absl::OkStatus();
}

}  // namespace snapvit
