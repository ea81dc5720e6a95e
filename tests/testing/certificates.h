// Certificates of a test's own, made when it runs: no key is in the repository.
#ifndef SNAPVIT_TESTS_TESTING_CERTIFICATES_H_
#define SNAPVIT_TESTS_TESTING_CERTIFICATES_H_

#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>

namespace snapvit {

// A certificate and its key, P-256. Not thread-safe.
class TestCertificate {
 public:
  enum class Validity { kToday, kExpired, kNotYet };

  // Signed by `authority`, or by itself: then it is an authority. `alternative_names`: as in
  // "DNS:a.example.com,URI:spiffe://a,IP:127.0.0.1"; empty: none.
  TestCertificate(const std::string& common_name, const std::string& alternative_names,
                  const TestCertificate* authority = nullptr, Validity validity = Validity::kToday)
      : key_(EVP_EC_gen("P-256")), certificate_(X509_new()) {
    static long serial = 1;
    X509* certificate = certificate_.get();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
    constexpr long kDay = 24 * 60 * 60;
    const long begin = validity == Validity::kToday     ? -60
                       : validity == Validity::kExpired ? -2 * kDay
                                                        : kDay;
    X509_gmtime_adj(X509_getm_notBefore(certificate), begin);
    X509_gmtime_adj(X509_getm_notAfter(certificate), begin + kDay);
    X509_set_pubkey(certificate, key_.get());
    X509_NAME* name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1,
                               0);
    const TestCertificate& issuer = authority == nullptr ? *this : *authority;
    X509_set_issuer_name(certificate, X509_get_subject_name(issuer.certificate_.get()));
    if (authority == nullptr) AddExtension(NID_basic_constraints, "critical,CA:TRUE");
    if (!alternative_names.empty()) AddExtension(NID_subject_alt_name, alternative_names);
    EXPECT_NE(X509_sign(certificate, issuer.key_.get(), EVP_sha256()), 0);
  }

  std::string certificate() const {
    return Pem([this](BIO* bio) { PEM_write_bio_X509(bio, certificate_.get()); });
  }
  std::string key() const {
    return Pem([this](BIO* bio) {
      PEM_write_bio_PrivateKey(bio, key_.get(), nullptr, nullptr, 0, nullptr, nullptr);
    });
  }

 private:
  struct Free {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
    void operator()(X509* certificate) const { X509_free(certificate); }
    void operator()(BIO* bio) const { BIO_free(bio); }
  };

  void AddExtension(int nid, const std::string& value) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str());
    ASSERT_NE(extension, nullptr) << value;
    X509_add_ext(certificate_.get(), extension, -1);
    X509_EXTENSION_free(extension);
  }

  template <typename Write>
  static std::string Pem(const Write& write) {
    const std::unique_ptr<BIO, Free> bio(BIO_new(BIO_s_mem()));
    write(bio.get());
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &data);
    return std::string(data, size);
  }

  std::unique_ptr<EVP_PKEY, Free> key_;
  std::unique_ptr<X509, Free> certificate_;
};

}  // namespace snapvit

#endif  // SNAPVIT_TESTS_TESTING_CERTIFICATES_H_
