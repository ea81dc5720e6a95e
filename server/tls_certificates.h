// TlsCertificates: who the server is on an encrypted connection, from files that may be renewed
// while it runs.
#ifndef SNAPVIT_SERVER_TLS_CERTIFICATES_H_
#define SNAPVIT_SERVER_TLS_CERTIFICATES_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/reloadable_files.h"

namespace snapvit {

// PEM files.
struct TlsFiles {
  std::string certificate;  // the server's own first, then the authorities up to the root's child
  std::string key;          // of that certificate, not encrypted
  std::string client_ca;    // authorities of client certificates; empty: clients show none
};

// Contents of the files, which fit each other.
struct TlsIdentity {
  std::string certificate_chain;
  std::string private_key;
  std::string client_ca;
  std::string subject;   // of the server's certificate, for logs
  absl::Time not_after;  // the certificate's last moment
};

// INVALID_ARGUMENT or the error of reading, naming flag and file: a file that is missing, is no
// PEM of its kind, or a key of another certificate.
absl::StatusOr<TlsIdentity> ReadTlsIdentity(const TlsFiles& files);

// Thread-safe. Files that do not fit each other change nothing: while they are renewed one by one,
// the server goes on with the old pair.
class TlsCertificates final : public ReloadableFiles {
 public:
  static absl::StatusOr<std::unique_ptr<TlsCertificates>> Create(TlsFiles files);

  std::shared_ptr<const TlsIdentity> Get() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  explicit TlsCertificates(TlsFiles files);

  absl::Status Read() override ABSL_LOCKS_EXCLUDED(mu_);

  const TlsFiles files_;
  mutable absl::Mutex mu_;
  std::shared_ptr<const TlsIdentity> identity_ ABSL_GUARDED_BY(mu_);
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_TLS_CERTIFICATES_H_
