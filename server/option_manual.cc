#include "server/option_manual.h"

#include "server/option_table.h"

namespace snapvit {

ProgramDescription DescribeServer(const std::string& version) {
  ProgramDescription server;
  server.name = "snapvit-server";
  server.version = version;
  server.summary = "serves one Vision Transformer at any compute budget over gRPC and HTTP";
  server.paragraphs = {
      "Requests name a compute budget; all budgets are served from one set of weights. Under load "
      "budgets are lowered instead of requests refused, never below their floors.",
      "Each option is a flag (--max-images 8), an environment variable (SNAPVIT_MAX_IMAGES=8) and "
      "a key of the configuration file (max-images: 8). A flag beats a variable, a variable beats "
      "the file.",
      "SIGTERM and SIGINT end what was accepted and exit (--drain-grace), a second one exits at "
      "once; SIGHUP reads the tenants file and the certificates again. Exit status: 0 drained, 1 "
      "the model could not be served, 2 wrong usage or nothing was served.",
  };
  server.options = {
      {{"--config"}, "FILE", "YAML file with options. Variable: SNAPVIT_CONFIG.", "", ""},
      {{"-h", "--help"}, "", "Print all options, and exit.", "", ""},
      {{"--version"}, "", "Print the version, and exit.", "", ""},
      {{"--manual"}, kManualForms, "Print this page, or completion for a shell, and exit.", "", ""},
  };
  const ServerOptions defaults;
  for (const OptionRow& row : OptionTable()) {
    server.options.push_back({{std::string("--") + row.name},
                              row.placeholder,
                              row.help,
                              row.is_switch() ? "" : row.get(defaults),
                              row.group});
  }
  return server;
}

}  // namespace snapvit
