// Server: everything of one process put together: model, scheduler, engine, gRPC and HTTP.
#ifndef SNAPVIT_SERVER_SERVER_H_
#define SNAPVIT_SERVER_SERVER_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/host_port.h"
#include "server/log.h"
#include "server/options.h"

namespace snapvit {

// Thread-safe.
class Server {
 public:
  // Binds the listeners and begins to load the model; returns while that goes on. Until the model
  // is there, requests get UNAVAILABLE (STARTING) with the progress. `log` is borrowed.
  // FAILED_PRECONDITION, with the address, if a listener cannot be bound; errors of the tenants
  // file and of certificates name the file.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const ServerOptions& options,
                                                       const Logger* log);
  // Drains if that has not been done.
  virtual ~Server() = default;

  // Bound addresses, with the real ports.
  virtual HostPort grpc_address() const = 0;
  virtual HostPort http_address() const = 0;
  virtual HostPort admin_address() const = 0;

  // Reads the tenants file and the certificates again. What cannot be read or understood changes
  // nothing and is said in log and metrics. Any thread.
  virtual void ReloadFiles() = 0;

  // Ends Wait(). Any thread, any number of times.
  virtual void RequestStop() = 0;

  // Blocks until RequestStop() (OK), until an operator's Admin.Drain is done (OK), or until the
  // model cannot be loaded (the error).
  virtual absl::Status Wait() = 0;

  // Takes no more requests, lets those that were accepted end within the options' drain_grace, and
  // stops the listeners. True if nothing was given up.
  virtual bool Drain() = 0;
};

}  // namespace snapvit

#endif  // SNAPVIT_SERVER_SERVER_H_
