// Flags of every verb that talks to a server: which one, and how to prove who is asking.
#ifndef SNAPVIT_CLIENT_CLI_REMOTE_FLAGS_H_
#define SNAPVIT_CLIENT_CLI_REMOTE_FLAGS_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "client/cli/flag_group.h"
#include "client/client.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace snapvit::cli {

struct TlsFlags {
  bool on = false;  // also if any of the others is given
  std::string ca;
  std::string cert;
  std::string key;
  std::string server_name;
};

struct RemoteFlags {
  std::string target;        // HOST:PORT; empty: no server
  std::string api_key_file;  // empty: the environment's SNAPVIT_API_KEY, or no key
  TlsFlags tls;
};

// --tls, --tls-ca, --tls-cert, --tls-key, --tls-server-name. `flags` must outlive `verb`.
FlagGroup AddTlsFlags(CLI::App& verb, TlsFlags& flags);

// --api-key-file. A key is never an argument: those of a process are everybody's to read.
CLI::Option* AddApiKeyFlag(CLI::App& verb, std::string& api_key_file);

// --target, --api-key-file and those of AddTlsFlags(). `flags` must outlive `verb`. Returns all but
// --target.
FlagGroup AddRemoteFlags(CLI::App& verb, RemoteFlags& flags);

// The key in the file; without a file, of the variable SNAPVIT_API_KEY; empty: none.
// INVALID_ARGUMENT or the error of reading names flag and file, and never repeats a key.
absl::StatusOr<std::string> ReadApiKey(const std::string& file);

// With the files read; nothing: no encryption. Errors as ToClientOptions().
absl::StatusOr<std::optional<client::TlsOptions>> ReadTlsOptions(const TlsFlags& flags);

// Options of a client, with key and PEM files read. INVALID_ARGUMENT or the error of reading names
// flag and file; no message repeats a key.
absl::StatusOr<client::ClientOptions> ToClientOptions(const RemoteFlags& flags);

}  // namespace snapvit::cli

#endif  // SNAPVIT_CLIENT_CLI_REMOTE_FLAGS_H_
