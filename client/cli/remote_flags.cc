#include "client/cli/remote_flags.h"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "core/base/file.h"
#include "core/base/status_macros.h"

namespace snapvit::cli {
namespace {

constexpr char kKeyVariable[] = "SNAPVIT_API_KEY";
constexpr size_t kMostBytes = size_t{1} << 20;

// Content of the file that a flag names; empty if it is not given.
absl::StatusOr<std::string> ReadFlagFile(const char* flag, const std::string& path) {
  if (path.empty()) return std::string();
  absl::StatusOr<std::string> content = ReadFile(path, kMostBytes);
  if (content.ok()) return content;
  return absl::Status(content.status().code(),
                      absl::StrCat(flag, ": ", content.status().message()));
}

}  // namespace

CLI::Option* AddApiKeyFlag(CLI::App& verb, std::string& api_key_file) {
  return verb
      .add_option("--api-key-file", api_key_file,
                  "File with the tenant's key; default: the variable SNAPVIT_API_KEY")
      ->type_name("FILE");
}

absl::StatusOr<std::string> ReadApiKey(const std::string& file) {
  if (file.empty()) {
    const char* value = std::getenv(kKeyVariable);  // NOLINT(concurrency-mt-unsafe): nobody sets it
    return std::string(value == nullptr ? "" : value);
  }
  ASSIGN_OR_RETURN(const std::string content, ReadFlagFile("--api-key-file", file));
  std::string key(absl::StripAsciiWhitespace(content));
  if (key.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--api-key-file: ", file, " is empty, expected a key"));
  }
  return key;
}

FlagGroup AddTlsFlags(CLI::App& verb, TlsFlags& flags) {
  return {
      verb.add_flag("--tls", flags.on,
                    "Encrypt the connection; the flags --tls-… mean that too. Without --tls-ca the "
                    "system's authorities count"),
      verb.add_option("--tls-ca", flags.ca, "Authorities of the server's certificate, PEM")
          ->type_name("FILE"),
      verb.add_option("--tls-cert", flags.cert, "Certificate to show to the server, PEM")
          ->type_name("FILE"),
      verb.add_option("--tls-key", flags.key, "Its private key, PEM")->type_name("FILE"),
      verb.add_option("--tls-server-name", flags.server_name,
                      "Name in the server's certificate, where it is not the target's")
          ->type_name("NAME"),
  };
}

FlagGroup AddRemoteFlags(CLI::App& verb, RemoteFlags& flags) {
  verb.add_option("--target", flags.target, "Ask this server instead of loading a model")
      ->type_name("HOST:PORT");
  FlagGroup others = {AddApiKeyFlag(verb, flags.api_key_file)};
  const FlagGroup tls = AddTlsFlags(verb, flags.tls);
  others.insert(others.end(), tls.begin(), tls.end());
  return others;
}

absl::StatusOr<std::optional<client::TlsOptions>> ReadTlsOptions(const TlsFlags& flags) {
  const bool on = flags.on || !flags.ca.empty() || !flags.cert.empty() || !flags.key.empty() ||
                  !flags.server_name.empty();
  if (!on) return std::optional<client::TlsOptions>();
  if (flags.cert.empty() != flags.key.empty()) {
    return absl::InvalidArgumentError("--tls-cert and --tls-key go together: give both or none");
  }
  client::TlsOptions tls;
  ASSIGN_OR_RETURN(tls.authorities, ReadFlagFile("--tls-ca", flags.ca));
  ASSIGN_OR_RETURN(tls.certificate_chain, ReadFlagFile("--tls-cert", flags.cert));
  ASSIGN_OR_RETURN(tls.private_key, ReadFlagFile("--tls-key", flags.key));
  tls.server_name = flags.server_name;
  return std::make_optional(std::move(tls));
}

absl::StatusOr<client::ClientOptions> ToClientOptions(const RemoteFlags& flags) {
  client::ClientOptions options;
  options.target = flags.target;
  ASSIGN_OR_RETURN(options.api_key, ReadApiKey(flags.api_key_file));
  ASSIGN_OR_RETURN(options.tls, ReadTlsOptions(flags.tls));
  return options;
}

}  // namespace snapvit::cli
