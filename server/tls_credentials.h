// gRPC's side of TlsCertificates.
#ifndef SNAPVIT_SERVER_TLS_CREDENTIALS_H_
#define SNAPVIT_SERVER_TLS_CREDENTIALS_H_

#include <grpcpp/security/server_credentials.h>

#include <memory>

#include "server/options.h"
#include "server/tls_certificates.h"

namespace snapvit {

// Credentials of a listener: every handshake uses the present certificates. With authorities of
// clients, a client must (kRequire) or may (kRequest) show a certificate, and one that it shows
// must be good. `certificates` is borrowed. The result, and what it borrows, outlives the server
// that it is given to.
std::shared_ptr<grpc::ServerCredentials> MakeTlsCredentials(const TlsCertificates* certificates,
                                                            TlsClientAuth client_auth);

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_TLS_CREDENTIALS_H_
