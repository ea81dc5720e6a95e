// The one place where an absl::Status becomes an HTTP status and the JSON that OpenAI's clients
// read.
#ifndef SNAPVIT_SERVER_HTTP_ERROR_H_
#define SNAPVIT_SERVER_HTTP_ERROR_H_

#include "absl/status/status.h"
#include "server/http_server.h"

namespace snapvit {

// {"error": {"message", "type", "param": null, "code"}}, where code is the reason of ErrorInfo;
// with Retry-After where a retry can help, and else with what keeps OpenAI's clients from retrying.
// REQUIRES: !status.ok().
HttpResponse ToHttpError(const absl::Status& status);

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_HTTP_ERROR_H_
