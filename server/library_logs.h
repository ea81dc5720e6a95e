// Logs of libraries that write to standard error by themselves.
#ifndef SNAPVIT_SERVER_LIBRARY_LOGS_H_
#define SNAPVIT_SERVER_LIBRARY_LOGS_H_

#include "core/base/clock.h"
#include "server/log.h"

namespace snapvit {

// What gRPC and protobuf have to say becomes events of `log`, "library_message", at most five in
// ten seconds: a peer can make one with every message (text that is not UTF-8) or connection.
// Called once, before there are threads; `log` and `clock` live until the process ends.
void TakeLibraryLogs(const Logger* log, const Clock* clock);

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_LIBRARY_LOGS_H_
